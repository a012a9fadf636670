(** One timer from its arming to its firing, what moves the clock, and the batch of an iteration. *)
From Coq Require Import List Arith NArith Lia Bool Sorted.
From Seedloop.Spec Require Import Map Kernel Machine.
From Seedloop.Thm Require Import Lists Closure History Handles Time.
Import ListNotations.

(** ** What fires *)

Lemma fire_rest l : forall k, batch (fold_left fire l k) = batch k /\
  next_call (fold_left fire l k) = next_call k /\
  ready (fold_left fire l k) = ready k ++ map (fun w => Call (timer_call w)) l.
Proof.
  induction l as [|w l IH]; simpl; intro k; [rewrite app_nil_r; auto|].
  destruct (IH (fire k w)) as (-> & -> & ->). simpl. rewrite <- app_assoc. auto.
Qed.

(** The timers that are due fire now; the others stay. *)
Lemma collect_parts k : exists l r, timers k = l ++ r /\ timers (collect_due k) = r /\
  fired (history (collect_due k)) = fired (history k) ++ map (fun w => (w, now k)) l /\
  ready (collect_due k) = ready k ++ map (fun w => Call (timer_call w)) l /\
  batch (collect_due k) = batch k /\ next_call (collect_due k) = next_call k /\
  now (collect_due k) = now k.
Proof.
  unfold collect_due. destruct (due (now k) (timers k)) as [l r] eqn:E. exists l, r.
  destruct (fire_fields l (set_timers r (registrations k) k)) as (N & T & _ & F).
  destruct (fire_rest l (set_timers r (registrations k) k)) as (B & C & R).
  rewrite N, T, F, B, C, R. split; [exact (due_spec _ _ _ _ E)|]. simpl. auto 10.
Qed.

(** The three operations at which timers may fire, and the clock that they fire at. *)
Lemma begin_iteration_is k : exists n, let k1 := set_now n (set_iteration (S (iteration k)) k) in
  (n = now k \/ (ready k = [] /\ next_deadline k = Some n /\ (now k < n)%N)) /\
  ((snd (begin_iteration k) = TurnIdle /\ fst (begin_iteration k) = set_iteration (S (iteration k)) k /\
      ready k = [] /\ stopping k = false /\ timers k = []) \/
   (snd (begin_iteration k) <> TurnIdle /\ ~ (ready k = [] /\ stopping k = false /\ timers k = []) /\
      fst (begin_iteration k) = set_batch (length (ready (collect_due k1))) (collect_due k1))).
Proof.
  unfold begin_iteration. set (k1 := set_iteration _ k).
  assert (K : set_now (now k) k1 = k1) by (destruct k; reflexivity).
  change (ready k1) with (ready k). change (stopping k1) with (stopping k).
  change (next_deadline k1) with (next_deadline k). change (now k1) with (now k).
  destruct (ready k) eqn:R, (stopping k) eqn:P, (next_deadline k) as [d|] eqn:E; simpl;
    try (exists (now k); rewrite K; split; [auto|right]; repeat split; [discriminate|intros (? & ? & ?); discriminate]; fail).
  - unfold time_ltb. destruct (N.ltb_spec (now k) d); simpl.
    + exists d. split; [auto|right]. split; [discriminate|]. split; auto. intros (_ & _ & T).
      unfold next_deadline in E. rewrite T in E. discriminate.
    + exists (now k). rewrite K. split; [auto|right]. split; [discriminate|]. split; auto. intros (_ & _ & T).
      unfold next_deadline in E. rewrite T in E. discriminate.
  - exists (now k). split; [auto|left]. repeat split. unfold next_deadline in E.
    destruct (timers k); [auto|discriminate].
Qed.

Lemma slip_is k : exists n, let k1 := set_now n k in
  (next_deadline k = Some n /\ (now k < n)%N /\ slip k = (collect_due k1, true)) \/ slip k = (k, false).
Proof.
  unfold slip. destruct (next_deadline k) as [d|]; [|exists 0%N; auto]. exists d. simpl.
  unfold time_ltb. destruct (N.ltb_spec (now k) d); auto.
Qed.

(** What the timeless operations leave alone, beside the clock. *)
Record quiet (k k' : kernel) : Prop := {
  q_batch : batch k' = batch k;
  q_next_call : next_call k <= next_call k' }.

Lemma quiet_apply m o m' a : apply m o = Some (m', a) -> timeless o = true -> quiet (kern m) (kern m').
Proof.
  apply r_apply; try (constructor; simpl; auto; fail).
  - intros x y z [] []. constructor; [congruence|lia].
Qed.

(** The operations that are not timeless, one by one. *)
Lemma timely m o m' a : apply m o = Some (m', a) -> timeless o = false ->
  match o with
  | OBeginIteration => kern m' = fst (begin_iteration (kern m)) /\ a = ATurn (snd (begin_iteration (kern m)))
  | OSlip => kern m' = fst (slip (kern m))
  | OBusy ns => kern m' = busy ns (kern m)
  | OTake i => exists h, take i (kern m) = Some (kern m', h)
  | OArm d x => kern m' = fst (arm d x (kern m)) /\ a = ACall (next_call (kern m))
  | OCancelCall c => kern m' = fst (cancel_call c (kern m))
  | _ => False
  end.
Proof.
  intros A T. destruct m as [k tk rn]. simpl.
  assert (WH : forall b r, when b r = Some (m', a) -> b = true /\ r = Some (m', a))
    by (unfold when; intros [] r Q; [auto|discriminate]).
  destruct o; try discriminate T; cbn [apply kern] in A; try (apply WH in A as [B A]).
  - destruct (begin_iteration k). injection A as <- <-. auto.
  - injection A as <- _. auto.
  - injection A as <- _. auto.
  - destruct (take index k) as [[k1 h]|]; [|discriminate]. injection A as <- _. simpl. eauto.
  - unfold arm, new_call in *. injection A as <- <-. auto.
  - injection A as <- _. auto.
Qed.

Lemma calls_grow m o m' a : apply m o = Some (m', a) -> next_call (kern m) <= next_call (kern m').
Proof.
  intro A. destruct (timeless o) eqn:T; [apply quiet_apply in A as []; auto|].
  pose proof (timely _ _ _ _ A T) as Q. set (k := kern m) in *. destruct o; try contradiction Q.
  - destruct Q as [-> _]. destruct (begin_iteration_is k) as (n & _ & [(_ & -> & _)|(_ & _ & ->)]); [simpl; lia|].
    destruct (collect_parts (set_now n (set_iteration (S (iteration k)) k))) as (l & r & _ & _ & _ & _ & _ & C & _).
    simpl in *. lia.
  - rewrite Q. destruct (slip_is k) as (n & [(_ & _ & ->)| -> ]); simpl; [|lia].
    destruct (collect_parts (set_now n k)) as (l & r & _ & _ & _ & _ & _ & C & _). simpl in *. lia.
  - rewrite Q. simpl. lia.
  - destruct Q as [h Q]. unfold take in Q. destruct (nth_error _ _); [|discriminate]. injection Q as <- _. simpl. lia.
  - destruct Q as [-> _]. simpl. lia.
  - rewrite Q. unfold cancel_call. destruct (find c (calls k)) as [x|]; [|simpl; lia]. destruct (c_place x); simpl; lia.
Qed.

(** ** Where a timer comes from *)

Lemma known_collect k w : known (collect_due k) w -> known k w.
Proof.
  destruct (collect_parts k) as (l & r & T & T' & F & _). unfold known. rewrite T, T', F. intros [I|[n I]].
  - left. apply in_app_iff; auto.
  - apply in_app_iff in I as [I|I]; [eauto|]. apply in_map_iff in I as (v & Q & I). injection Q as -> _.
    left. apply in_app_iff; auto.
Qed.

Lemma known_apply m o m' a w : apply m o = Some (m', a) -> known (kern m') w -> known (kern m) w \/
  exists d x, o = OArm d x /\ a = ACall (next_call (kern m)) /\
    w = Timer d (registrations (kern m)) (next_call (kern m)) (now (kern m)).
Proof.
  intros A K. destruct (timeless o) eqn:T.
  { apply still_apply in A as [_ T' _ F]; auto. unfold known in *. rewrite T', F in K. auto. }
  pose proof (timely _ _ _ _ A T) as Q. set (k := kern m) in *. destruct o; try contradiction Q.
  - destruct Q as [Q _]. rewrite Q in K.
    destruct (begin_iteration_is k) as (n & _ & [(_ & E & _)|(_ & _ & E)]); rewrite E in K; [left; exact K|].
    left. apply known_collect in K. exact K.
  - rewrite Q in K. destruct (slip_is k) as (n & [(_ & _ & E)|E]); rewrite E in K; [|auto].
    left. apply known_collect in K. exact K.
  - rewrite Q in K. left. exact K.
  - destruct Q as [h Q]. unfold take in Q. destruct (nth_error _ _); [|discriminate]. injection Q as E _.
    rewrite <- E in K. left. exact K.
  - destruct Q as [Q Q2]. rewrite Q in K. destruct K as [K|K]; [|left; right; exact K]. simpl in K.
    apply insert_timer_In in K as [->|K]; [right; eauto|left; left; auto].
  - rewrite Q in K. left. unfold cancel_call in K. destruct (find c (calls k)) as [x|]; auto.
    destruct (c_place x); auto. destruct K as [K|K]; [|right; exact K].
    simpl in K. apply filter_In in K as [K _]. left. auto.
Qed.

Lemma known_fresh m o m' a : apply m o = Some (m', a) -> Known (kern m) -> Known (kern m').
Proof.
  intros A F w K. pose proof (calls_grow _ _ _ _ A). apply (known_apply _ _ _ _ _ A) in K as [K|(d & x & -> & -> & ->)].
  - apply F in K. lia.
  - destruct m as [k tk rn]. cbn [apply kern] in *. unfold when in A. destruct (may_resolve x k); [|discriminate].
    injection A as <-. simpl. lia.
Qed.

(** ** Where a timer goes *)

Theorem timer_apply m o m' a w : apply m o = Some (m', a) -> In w (timers (kern m)) ->
  In w (timers (kern m')) \/ o = OCancelCall (timer_call w) \/
  (In (w, now (kern m')) (fired (history (kern m'))) /\ In (Call (timer_call w)) (ready (kern m'))).
Proof.
  intros A I. destruct (timeless o) eqn:T.
  { apply still_apply in A as [_ T' _ _]; auto. rewrite T'. auto. }
  pose proof (timely _ _ _ _ A T) as Q. set (k := kern m) in *.
  assert (C : forall k1, timers k1 = timers k -> In w (timers (collect_due k1)) \/ o = OCancelCall (timer_call w) \/
    (In (w, now (collect_due k1)) (fired (history (collect_due k1))) /\
     In (Call (timer_call w)) (ready (collect_due k1)))).
  { intros k1 E. destruct (collect_parts k1) as (l & r & T1 & -> & -> & -> & _ & _ & ->).
    rewrite <- E, T1 in I. apply in_app_iff in I as [I|I]; auto. right. right.
    split; apply in_app_iff; right; apply in_map_iff; eauto. }
  destruct o; try contradiction Q.
  - destruct Q as [-> _]. destruct (begin_iteration_is k) as (n & _ & [(_ & -> & _)|(_ & _ & ->)]); [auto|].
    apply (C (set_now n (set_iteration (S (iteration k)) k))). auto.
  - rewrite Q. destruct (slip_is k) as (n & [(_ & _ & ->)| -> ]); simpl; [|auto]. apply C. auto.
  - rewrite Q. auto.
  - destruct Q as [h Q]. unfold take in Q. destruct (nth_error _ _); [|discriminate]. injection Q as <- _. auto.
  - destruct Q as [-> _]. left. simpl. apply insert_timer_In. auto.
  - rewrite Q. unfold cancel_call. destruct (find c (calls k)) as [x|]; auto. destruct (c_place x); auto. simpl.
    destruct (Nat.eq_dec (timer_call w) c) as [->|N]; auto. left. apply filter_In. split; auto.
    apply negb_true_iff, Nat.eqb_neq. auto.
Qed.

(** ** What moves the clock *)

Theorem clock_moved m o m' a : apply m o = Some (m', a) -> now (kern m') <> now (kern m) ->
  (exists ns, o = OBusy ns) \/
  (next_deadline (kern m) = Some (now (kern m')) /\
   (o = OSlip \/ (o = OBeginIteration /\ ready (kern m) = []))).
Proof.
  intros A N. destruct (timeless o) eqn:T.
  { apply still_apply in A as [E _ _ _]; auto. congruence. }
  pose proof (timely _ _ _ _ A T) as Q. set (k := kern m) in *. destruct o; try contradiction Q.
  - destruct Q as [Q _]. right. rewrite Q in *. apply clock_advances in N as (R & _ & D & _). auto.
  - right. rewrite Q in *. destruct (slip_is k) as (n & [(D & _ & E)|E]); rewrite E in *; [|contradiction].
    simpl in *. rewrite collect_now in *. auto.
  - eauto.
  - destruct Q as [h Q]. unfold take in Q. destruct (nth_error _ _); [|discriminate]. injection Q as Q _.
    rewrite <- Q in N. contradiction.
  - destruct Q as [Q _]. rewrite Q in N. contradiction.
  - rewrite Q in N. unfold cancel_call in N. destruct (find c (calls k)) as [x|]; [|contradiction].
    destruct (c_place x); contradiction.
Qed.

Lemma least_deadline k d : StronglySorted before (timers k) -> next_deadline k = Some d ->
  forall w, In w (timers k) -> (d <= deadline w)%N.
Proof.
  unfold next_deadline. intros S E w I. destruct (timers k) as [|v l]; [discriminate|]. injection E as <-.
  inversion S as [|? ? _ F]; subst. destruct I as [<-|I]; [lia|]. rewrite Forall_forall in F.
  destruct (F w I) as [L|[L _]]; lia.
Qed.

(** ** The batch *)

(** An iteration's batch is what is ready when it begins; a take of one of the batch makes it
    smaller, and nothing else touches it. *)
Theorem batch_apply m o m' a : apply m o = Some (m', a) -> batch (kern m) <= length (ready (kern m)) ->
  batch (kern m') = match o with
    | OBeginIteration => length (ready (kern m'))
    | OTake i => if i <? batch (kern m) then batch (kern m) - 1 else batch (kern m)
    | _ => batch (kern m)
    end.
Proof.
  intros A L. destruct (timeless o) eqn:T.
  { apply quiet_apply in A as [E _]; auto. rewrite E. destruct o; try discriminate; auto. }
  pose proof (timely _ _ _ _ A T) as Q. set (k := kern m) in *. destruct o; try contradiction Q.
  - destruct Q as [-> _]. destruct (begin_iteration_is k) as (n & _ & [(_ & -> & R & _)|(_ & _ & ->)]); [|auto].
    simpl. rewrite R in *. simpl in *. lia.
  - rewrite Q. destruct (slip_is k) as (n & [(_ & _ & ->)| -> ]); simpl; auto.
    destruct (collect_parts (set_now n k)) as (l & r & _ & _ & _ & _ & B & _). auto.
  - rewrite Q. auto.
  - destruct Q as [h Q]. unfold take in Q. destruct (nth_error _ _); [|discriminate]. injection Q as <- _. auto.
  - destruct Q as [-> _]. auto.
  - rewrite Q. unfold cancel_call. destruct (find c (calls k)) as [x|]; auto. destruct (c_place x); auto.
Qed.

Lemma batch_fits m o m' a : apply m o = Some (m', a) -> batch (kern m) <= length (ready (kern m)) ->
  batch (kern m') <= length (ready (kern m')).
Proof.
  intros A L. pose proof (batch_apply _ _ _ _ A L) as B.
  destruct (match o with OTake i => inl i | _ => inr tt end) as [i|] eqn:O.
  - destruct o; try discriminate. injection O as ->. apply apply_take in A as (h & l & r & R & N & R' & _).
    rewrite B, R'. rewrite R in L. rewrite app_length in *. simpl in L.
    destruct (Nat.ltb_spec i (batch (kern m))); lia.
  - pose proof A as A'. apply apply_adds in A as (es & _ & _ & R); [|intros i ->; discriminate].
    assert (LE : length (ready (kern m)) <= length (ready (kern m'))) by (rewrite R, app_length; lia).
    destruct o; try discriminate; rewrite B; auto; lia.
Qed.
