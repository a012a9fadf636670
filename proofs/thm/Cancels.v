(** When a request to cancel reaches its task, when it is delivered, and how its task ends. *)
From Coq Require Import List Arith NArith Lia Bool.
From Seedloop.Spec Require Import Map Kernel Machine.
From Seedloop.Thm Require Import Lists Closure Waits Requests Delivery Time Timers Futures.
Import ListNotations.

(** ** About to be done *)

Lemma closing_sound d k : forall f, closing d (futures k) f = true -> Closing k f.
Proof.
  induction d as [|d IH]; intros f C; simpl in C; destruct (find f (futures k)) as [y|] eqn:E.
  - apply (closing_done k f y E). destruct (f_state y); [destruct (f_on_cancel y)| | |]; discriminate.
  - apply closing_gone. auto.
  - destruct (f_state y) eqn:S; try (apply (closing_done k f y E); congruence).
    destruct (f_on_cancel y) as [|t|gs] eqn:O; try discriminate. apply (closing_children k f y gs E O).
    rewrite forallb_forall in C. auto.
  - apply closing_gone. auto.
Qed.

Lemma awaits_closing_sound x k : awaits_closing x k = true ->
  exists f, In f (awaited x) /\ is_done f k = false /\ Closing k f.
Proof.
  intro C. apply existsb_exists in C as (f & I & C). apply andb_true_iff in C as [C1 C2].
  apply negb_true_iff in C1. exists f. repeat split; auto. eapply closing_sound; eauto.
Qed.

(** ** A future is settled *)

Lemma wake_futures t k : futures (fst (wake t k)) = futures k.
Proof. unfold wake. destruct (find_task t k); auto. destruct (_ || _); auto. Qed.
Lemma run_futures cbs : forall k, futures (fold_left run_callback cbs k) = futures k.
Proof.
  induction cbs as [|[u|c] cbs IH]; simpl; intro k; auto; rewrite IH; auto using wake_futures.
Qed.

Lemma settle_is f s m once k y : find_future f k = Some y -> f_state y = Pending ->
  find_future f (fst (settle f s m once k)) =
  Some (Future s [] (f_on_cancel y) (f_cancel_requested y) m once (f_observed y)).
Proof.
  intros E P. unfold settle. rewrite E, P. simpl. unfold find_future in *. rewrite run_futures.
  destruct (f_observed y); simpl; rewrite find_update, Nat.eqb_refl, E; auto.
Qed.

(** ** A request reaches a task *)

Lemma refuse_refused cf path m l : forall k, snd (fold_left (refuse_or cf path m) l (k, true)) = true.
Proof.
  induction l as [|on l IH]; simpl; intro k; auto. destruct on as [f|]; simpl; auto.
  destruct (cf path m k f). simpl. auto.
Qed.

Lemma awaited_on f x : In (Some f) (map a_on (t_awaits x)) <-> In f (awaited x).
Proof.
  unfold awaited. rewrite in_map_iff, in_flat_map. split; intros (a & Q).
  - destruct Q as [Q I]. exists a. rewrite Q. simpl. auto.
  - destruct Q as [I Q]. exists a. destruct (a_on a); simpl in Q; [|destruct Q]. destruct Q as [->|[]]. auto.
Qed.

Lemma tell_queues n path m t k x : Waits None k -> find t (tasks k) = Some x -> t_ended x = false ->
  plain_awaits x k ->
  exists x', find t (tasks (tell_with (cancel_future (S n)) path m t k)) = Some x' /\ t_queued x' = true.
Proof.
  intros W E L P. unfold tell_with, find_task. rewrite E.
  pose proof (woken_refuse _ (waits_cancel_future (S n)) (fun p m k f => woken_cancel (S n) p m k f)
    (t :: path) m (map a_on (t_awaits x)) (k, match t_awaits x with [] => true | _ => false end) W) as WK.
  set (fold := fold_left _ _ _) in *.
  assert (C : snd fold = true \/ exists x', find t (tasks (fst fold)) = Some x' /\ t_queued x' = true).
  { unfold fold. clear fold WK. destruct (t_awaits x) as [|aw l] eqn:AW; [left; auto|]. cbn [map fold_left].
    destruct (a_on aw) as [f|] eqn:ON; cbn [refuse_or]; [|left; apply refuse_refused].
    assert (IA : In f (awaited x)).
    { apply awaited_on. rewrite AW. left. auto. }
    set (c := cancel_future (S n) (t :: path) m k f).
    assert (W1 : Waits None (fst c)) by (apply waits_cancel_future; auto).
    assert (Q : snd c = false \/ exists x', find t (tasks (fst c)) = Some x' /\ t_queued x' = true).
    { unfold c. simpl. destruct (find_future f k) as [y|] eqn:F; [|auto]. destruct (f_state y) eqn:S; auto.
      rewrite (P f y IA F S).
      right. apply (wk_woken _ _ (woken_settle None f Cancelled m false k W) f y
        (Future Cancelled [] (f_on_cancel y) (f_cancel_requested y) m false (f_observed y)) t F S); [|discriminate|].
      - apply settle_is; auto.
      - unfold waits. rewrite E. apply count_pos. exists f. rewrite Nat.eqb_refl. auto. }
    destruct c as [k1 taken]. simpl in Q, W1.
    destruct Q as [->|(x' & E' & Q)]; [left; apply refuse_refused|right].
    pose proof (woken_refuse _ (waits_cancel_future (S n)) (fun p m k f => woken_cancel (S n) p m k f)
      (t :: path) m (map a_on l) (k1, negb taken) W1) as WK.
    exact (wk_stays _ _ WK _ _ E' Q). }
  destruct fold as [k1 refused] eqn:FE. simpl in C, WK.
  destruct WK as [WK1 WK2 [_ WK3] _].
  destruct refused; [|destruct C as [C|C]; [discriminate|exact C]].
  assert (PK : awaits_closing x k1 = false).
  { unfold awaits_closing. apply not_true_is_false. intro Q. apply existsb_exists in Q as (f & I & Q).
    apply andb_true_iff in Q as [Q1 Q2]. apply negb_true_iff in Q1.
    unfold is_closing, is_done, state_of, find_future in *.
    destruct (find f (futures k1)) as [z|] eqn:F1; [|discriminate]. destruct (f_state z) eqn:S1; try discriminate.
    specialize (WK3 f (w_known _ _ W _ _ _ E I)). rewrite F1 in WK3.
    destruct (find f (futures k)) as [y|] eqn:F; [|destruct WK3]. destruct WK3 as [O S].
    assert (SP : f_state y = Pending) by (destruct S; congruence).
    simpl in Q2. rewrite F1, S1, O, (P f y I F SP) in Q2. discriminate. }
  rewrite PK. destruct (WK1 _ _ E) as (x1 & E1 & L1 & _).
  apply (wake_queues t _ (set_must_cancel (Some m) x1)); [|simpl; congruence].
  simpl. rewrite find_update, Nat.eqb_refl, E1. auto.
Qed.

Lemma depth_positive k : exists n, depth k = S n.
Proof. unfold depth. destruct (length (tasks k)); simpl; eauto. Qed.

Theorem cancel_queues m t msg m' a x : Alive m -> apply m (OCancelTask t msg) = Some (m', a) ->
  find_task t (kern m) = Some x -> t_ended x = false -> t_running x = false -> plain_awaits x (kern m) ->
  a = ABool true /\ exists x', find_task t (kern m') = Some x' /\ t_queued x' = true.
Proof.
  intros [W _ _ _] A E L R P. destruct m as [k tk rn].
  cbn [apply kern taken running with_bool same fst snd] in *. unfold with_bool, same in A. injection A as <- <-.
  unfold cancel_task. destruct (depth_positive k) as [n ->]. unfold cancel_task_with.
  rewrite E, L, R. cbn [orb existsb fst snd kern]. split; auto.
  set (k0 := note _ _).
  assert (W0 : Waits None k0)
    by (eapply waits_same; [|exact W]; eapply sw_trans; [apply sw_in_task|apply sw_note]; auto).
  apply tell_queues with (set_cancels (S (t_cancels x)) x); auto.
  simpl. rewrite find_update, Nat.eqb_refl. unfold find_task in E. rewrite E. auto.
Qed.

(** ** It reaches all of them *)

Lemma done_evolves f k k' : f < next_future k -> evolves nothing k k' -> is_done f k = true -> is_done f k' = true.
Proof.
  intros L [_ V] D. specialize (V f L). unfold is_done, state_of, find_future in *.
  destruct (find f (futures k)) as [y|], (find f (futures k')) as [z|]; auto; try contradiction.
  destruct V as [_ [V|V]]; [rewrite V in D; discriminate|congruence].
Qed.

Lemma cancel_ends n path m k f y : find_future f k = Some y -> f_state y = Pending -> f_on_cancel y = Itself ->
  is_done f (fst (cancel_future (S n) path m k f)) = true.
Proof.
  intros E P O. simpl. rewrite E, P, O. unfold is_done, state_of. rewrite (settle_is f Cancelled m false k y E P). auto.
Qed.

(** One step of the way, and what is done after it. *)
Lemma cancel_one n path m k f g y : Waits None k -> find_future f k = Some y -> f_on_cancel y = Itself ->
  let k1 := fst (cancel_future (S n) path m k g) in
  (is_done f k1 = true \/ g <> f) /\ exists z, find_future f k1 = Some z /\ f_on_cancel z = Itself.
Proof.
  intros W E O k1. pose proof (wk_evolves _ _ (woken_cancel (S n) path m k g W)) as V. fold k1 in V.
  pose proof (w_fresh_future _ _ W f y E) as L. split.
  - destruct (Nat.eq_dec g f) as [->|N]; auto. left. destruct (f_state y) eqn:S; [eapply cancel_ends; eauto| | |];
      (apply done_evolves with k; auto; unfold is_done, state_of; rewrite E, S; auto).
  - destruct V as [_ V]. specialize (V f L). unfold find_future in *. rewrite E in V.
    destruct (find f (futures k1)) as [z|]; [|destruct V]. exists z. split; auto. destruct V. congruence.
Qed.

Lemma any_ends n path m f l : forall k b y, Waits None k -> find_future f k = Some y -> f_on_cancel y = Itself ->
  In f l \/ is_done f k = true ->
  is_done f (fst (fold_left (any_or (cancel_future (S n)) path m) l (k, b))) = true.
Proof.
  induction l as [|g l IH]; intros k b y W E O I; [destruct I as [[]|I]; exact I|].
  cbn [fold_left]. unfold any_or at 2.
  pose proof (waits_cancel_future (S n) path m k g W) as W1.
  destruct (cancel_one n path m k f g y W E O) as [D (z & E1 & O1)].
  pose proof (done_evolves f _ _ (w_fresh_future _ _ W f y E) (wk_evolves _ _ (woken_cancel (S n) path m k g W))) as K.
  destruct (cancel_future (S n) path m k g) as [k1 taken]. cbn [fst] in *.
  apply IH with z; auto. destruct I as [[->|I]|I]; auto. destruct D; [auto|contradiction].
Qed.
Lemma refuse_ends n path m f l : forall k b y, Waits None k -> find_future f k = Some y -> f_on_cancel y = Itself ->
  In (Some f) l \/ is_done f k = true ->
  is_done f (fst (fold_left (refuse_or (cancel_future (S n)) path m) l (k, b))) = true.
Proof.
  induction l as [|on l IH]; intros k b y W E O I; [destruct I as [[]|I]; exact I|].
  cbn [fold_left]. destruct on as [g|]; cbn [refuse_or].
  - pose proof (waits_cancel_future (S n) path m k g W) as W1.
    destruct (cancel_one n path m k f g y W E O) as [D (z & E1 & O1)].
    pose proof (done_evolves f _ _ (w_fresh_future _ _ W f y E) (wk_evolves _ _ (woken_cancel (S n) path m k g W))) as K.
    destruct (cancel_future (S n) path m k g) as [k1 taken]. cbn [fst] in *.
    apply IH with z; auto. destruct I as [[I|I]|I]; auto. injection I as ->. destruct D; [auto|contradiction].
  - apply IH with y; auto. destruct I as [[I|I]|I]; auto. discriminate.
Qed.

Theorem children_end m g msg m' a y gs f z : Alive m -> apply m (OCancel g msg) = Some (m', a) ->
  find_future g (kern m) = Some y -> f_state y = Pending -> f_on_cancel y = Children gs ->
  In f gs -> find_future f (kern m) = Some z -> f_on_cancel z = Itself -> is_done f (kern m') = true.
Proof.
  intros [W _ _ _] A E P O I F Q. destruct m as [k tk rn]. cbn [apply kern] in *.
  unfold with_bool, same in A. injection A as <- _. cbn [fst kern]. unfold cancel.
  assert (D : exists n, depth k = S (S n)).
  { apply (w_fresh_future _ _ W) in E. unfold depth. destruct (next_future k); [lia|]. simpl. eauto. }
  destruct D as [n ->]. cbn [cancel_future]. rewrite E, P, O.
  pose proof (any_ends n [] msg f gs k false z W F Q (or_introl I)) as D.
  destruct (fold_left _ gs (k, false)) as [k1 any]. cbn [fst] in *. destruct any; auto.
  revert D. unfold is_done, state_of, find_future. simpl. rewrite find_update.
  destruct (g =? f), (find f (futures k1)); auto.
Qed.

Theorem awaits_end m t msg m' a x f z : Alive m -> apply m (OCancelTask t msg) = Some (m', a) ->
  find_task t (kern m) = Some x -> t_ended x = false -> t_running x = false ->
  In f (awaited x) -> find_future f (kern m) = Some z -> f_on_cancel z = Itself -> is_done f (kern m') = true.
Proof.
  intros [W _ _ _] A E L R I F Q. destruct m as [k tk rn]. cbn [apply kern] in *.
  unfold with_bool, same in A. injection A as <- _. cbn [fst kern].
  unfold cancel_task. destruct (depth_positive k) as [n ->]. unfold cancel_task_with.
  rewrite E, L, R. cbn [orb existsb fst].
  set (k0 := note _ _).
  assert (W0 : Waits None k0)
    by (eapply waits_same; [|exact W]; eapply sw_trans; [apply sw_in_task|apply sw_note]; auto).
  unfold tell_with. assert (E0 : find_task t k0 = Some (set_cancels (S (t_cancels x)) x)).
  { unfold find_task in *. simpl. rewrite find_update, Nat.eqb_refl, E. auto. }
  rewrite E0. apply (awaited_on f x) in I.
  pose proof (refuse_ends n [t] msg f (map a_on (t_awaits (set_cancels (S (t_cancels x)) x))) k0
    (match t_awaits x with [] => true | _ => false end) z W0 F Q (or_introl I)) as D.
  cbn [t_awaits set_cancels] in *. destruct (fold_left _ _ _) as [k1 refused]. cbn [fst] in D.
  destruct refused; auto. destruct (awaits_closing _ k1); auto.
  unfold is_done, state_of, find_future in *. rewrite wake_futures. exact D.
Qed.

(** What was asked and not delivered in a step is asked again at its end. *)
Theorem undelivered_queues m t m' a x : Alive m -> apply m (OEndStep t ExitPending) = Some (m', a) ->
  find_task t (kern m) = Some x -> asked x <> None -> plain_awaits x (kern m) ->
  exists x', find_task t (kern m') = Some x' /\ t_queued x' = true.
Proof.
  intros [W _ N _] A E Q P. destruct m as [k tk rn]. cbn [apply kern] in *.
  unfold when, is_running in A. simpl in *.
  destruct rn as [u|]; [|discriminate]. destruct (Nat.eqb_spec t u) as [->|]; [|discriminate].
  injection A as <- _. simpl. unfold find_task in *.
  destruct (r_lives _ _ N u eq_refl) as (x0 & E0 & L). rewrite E in E0. injection E0 as <-.
  unfold end_step, find_task. rewrite E.
  set (k1 := if t_told_taken x then _ else k). set (g := fun _ : task => Task _ _ _ _ _ _ _ _ _ _ _).
  set (k2 := in_task u g k1).
  assert (T1 : tasks k1 = tasks k) by (unfold k1; destruct (t_told_taken x); auto).
  assert (W2 : Waits None k2).
  { assert (S1 : same_waits k k1) by (unfold k1; destruct (t_told_taken x); [apply sw_note|apply sw_refl]).
    eapply waits_same; [|exact W]. eapply sw_trans; [exact S1|]. constructor; simpl; eauto. intro v.
    rewrite find_update, T1. destruct (Nat.eqb_spec u v); auto. subst. rewrite E. unfold task_view. simpl. congruence. }
  assert (F2 : futures k2 = futures k) by (unfold k2, k1; destruct (t_told_taken x); auto).
  destruct (asked x) as [msg|] eqn:AS; [|contradiction].
  destruct (depth_positive k2) as [n D].
  destruct (tell_queues n [] msg u k2 (g x)) as (x' & E' & Q'); auto.
  - simpl. rewrite T1, find_update, Nat.eqb_refl, E. auto.
  - intros f y I. unfold find_future. rewrite F2. apply P. exact I.
  - unfold tell. rewrite D. destruct (t_aborted x); [|eauto]. exact (stays_wake _ _ _ _ E' Q').
Qed.

(** ** A second request *)

Lemma update_twice A i (g h : A -> A) l : update i g (update i h l) = update i (fun x => g (h x)) l.
Proof.
  induction l as [|[j x] l IH]; simpl; auto. destruct (i =? j) eqn:E; simpl; rewrite E; [auto|congruence].
Qed.

Lemma refuse_done n path m l : forall k b, (forall f, In (Some f) l -> is_done f k = true) ->
  fold_left (refuse_or (cancel_future (S n)) path m) l (k, b) =
  (k, match l with [] => b | _ => true end).
Proof.
  induction l as [|on l IH]; intros k b D; auto. cbn [fold_left].
  assert (Q : refuse_or (cancel_future (S n)) path m (k, b) on = (k, true)).
  { destruct on as [f|]; simpl; auto. specialize (D f (or_introl eq_refl)).
    unfold is_done, state_of in D. destruct (find_future f k) as [y|]; [destruct (f_state y)|];
      try discriminate; rewrite orb_true_r; auto. }
  rewrite Q, IH by (intros f I; apply D; right; auto). destruct l; auto.
Qed.

Theorem second_request m t msg m' a x : Alive m -> apply m (OCancelTask t msg) = Some (m', a) ->
  find_task t (kern m) = Some x -> t_must_cancel x <> None ->
  t_running x = true \/ (forall f, In f (awaited x) -> is_done f (kern m) = true) ->
  a = ABool true /\ m' = Machine (asked_again t msg (kern m)) (taken m) (running m).
Proof.
  intros [_ R _ _] A E M C. destruct m as [k tk rn]. cbn [apply kern taken running] in *. unfold find_task in E.
  unfold with_bool, same in A. injection A as <- <-.
  unfold cancel_task. destruct (depth_positive k) as [n ->]. unfold cancel_task_with, find_task. rewrite E.
  destruct (t_must_cancel x) as [m0|] eqn:Q; [|contradiction].
  destruct (R t x m0 E Q) as [L RQ]. rewrite L. cbn [orb existsb taken running].
  assert (U : forall g h, in_task t g (note (EAsk t) (in_task t h k)) =
    note (EAsk t) (in_task t (fun x => g (h x)) k)).
  { intros g h. unfold in_task, note, set_tasks. simpl. rewrite update_twice. auto. }
  destruct (t_running x) eqn:RN; cbn [fst snd].
  - rewrite U. auto.
  - split; auto. f_equal. destruct C as [C|C]; [discriminate|].
    assert (NC : forall k0 x0, futures k0 = futures k -> awaited x0 = awaited x -> awaits_closing x0 k0 = false).
    { intros k0 x0 F AW. unfold awaits_closing. rewrite AW. apply not_true_is_false. intro Z.
      apply existsb_exists in Z as (f & I & Z). specialize (C f I). unfold is_done, state_of, find_future in *.
      rewrite F in Z. rewrite C in Z. discriminate. }
    assert (QX : t_queued x = true).
    { destruct RQ as [|[|[Z|[]]]]; auto; [congruence|]. rewrite (NC k x) in Z; auto. discriminate. }
    unfold tell_with, find_task. set (k0 := note _ _).
    assert (E0 : find t (tasks k0) = Some (set_cancels (S (t_cancels x)) x))
      by (simpl; rewrite find_update, Nat.eqb_refl, E; auto).
    rewrite E0. rewrite refuse_done.
    2:{ intros f I. apply (awaited_on f x) in I. specialize (C f I). exact C. }
    replace (match map a_on (t_awaits (set_cancels (S (t_cancels x)) x)) with [] => _ | _ => true end) with true
      by (simpl; destruct (t_awaits x); auto).
    rewrite NC by auto. unfold k0. rewrite U. unfold asked_again, wake, find_task. simpl.
    rewrite find_update, Nat.eqb_refl, E. simpl. rewrite L, QX. simpl. auto.
Qed.

(** ** A request is delivered *)

Lemma delivered_less t k k' : history k' = history k -> deliveries t k' = deliveries t k.
Proof. unfold deliveries. congruence. Qed.

Lemma deliveries_fires t l : forall k, deliveries t (fold_left fire l k) = deliveries t k.
Proof. induction l as [|w l IH]; simpl; intro k; auto. rewrite IH. reflexivity. Qed.
Lemma deliveries_collected t k : deliveries t (collect_due k) = deliveries t k.
Proof. unfold collect_due. destruct (due _ _). rewrite deliveries_fires. reflexivity. Qed.

(** In no other operation. *)
Lemma delivered_apply t m o m' a : apply m o = Some (m', a) ->
  o <> OBeginStep t -> (forall e, o <> OEndStep t e) -> deliveries t (kern m') = deliveries t (kern m).
Proof.
  intros A N1 N2. destruct (timeless o) eqn:T.
  { revert A T N1 N2. intros A T N1 N2.
    refine (r_apply_steps (fun k k' => deliveries t k' = deliveries t k) _ _ _ _ (fun u => u <> t) _ _ m o m' a A T _);
      try (intros; congruence).
    - intros k k' H _ _ _ _ _ _. apply delivered_less; auto.
    - intros e k U. unfold deliveries. simpl. destruct e; auto; discriminate.
    - intros u k U. unfold deliveries. simpl. destruct (Nat.eqb_spec t u); [congruence|auto].
    - reflexivity.
    - intros u [->|(e & ->)] ->; [apply N1|eapply N2]; eauto. }
  pose proof (timely _ _ _ _ A T) as Q. set (k := kern m) in *. destruct o; try contradiction Q.
  - destruct Q as [-> _]. destruct (begin_iteration_is k) as (n & _ & [(_ & -> & _)|(_ & _ & ->)]); auto.
    change (deliveries t (set_batch ?b ?k1)) with (deliveries t k1). rewrite deliveries_collected. auto.
  - rewrite Q. destruct (slip_is k) as (n & [(_ & _ & ->)| -> ]); simpl; auto. rewrite deliveries_collected. auto.
  - rewrite Q. auto.
  - destruct Q as [h Q]. unfold take in Q. destruct (nth_error _ _); [|discriminate]. injection Q as <- _. auto.
  - destruct Q as [-> _]. auto.
  - rewrite Q. unfold cancel_call. destruct (find c (calls k)) as [x|]; auto. destruct (c_place x); auto.
Qed.

Lemma undelivered_rest t (R := fun k k' => deliveries t k' = deliveries t k) :
  (forall k, R k k) /\ (forall a b c, R a b -> R b c -> R a c) /\
  (forall k k', history k' = history k -> ready k' = ready k -> timers k' = timers k ->
    registrations k' = registrations k -> now k' = now k -> batch k' = batch k ->
    next_call k <= next_call k' -> R k k') /\
  (forall e k, undelivered e = true -> R k (note e k)) /\ (forall h k, R k (push h k)).
Proof.
  unfold R. repeat split; try (intros; congruence).
  - intros k k' H _ _ _ _ _ _. apply delivered_less; auto.
  - intros e k U. unfold deliveries. simpl. destruct e; auto; discriminate.
Qed.

Lemma delivered_end_step t e k : deliveries t (end_step t e k) = deliveries t k \/
  deliveries t (end_step t e k) = S (deliveries t k).
Proof.
  destruct (undelivered_rest t) as (P1 & P2 & P3 & P4 & P5).
  set (R := fun k k' => deliveries t k' = deliveries t k) in *.
  unfold end_step. destruct (find_task t k) as [x|]; auto.
  set (k1 := if t_told_taken x then _ else k).
  assert (D : deliveries t k1 = deliveries t k \/ deliveries t k1 = S (deliveries t k)).
  { unfold k1. destruct (t_told_taken x); auto. right. unfold deliveries. simpl. rewrite Nat.eqb_refl. auto. }
  assert (Z : forall k2, R k1 k2 -> deliveries t k2 = deliveries t k \/ deliveries t k2 = S (deliveries t k))
    by (intros k2 E; unfold R in E; rewrite E; auto).
  destruct e as [|e]; apply Z.
  - set (g := fun _ : task => _). set (k2 := in_task t g k1).
    set (k3 := match asked x with Some m => _ | None => _ end).
    assert (C : R k1 k3).
    { unfold k3. destruct (asked x); [|reflexivity].
      apply (P2 k1 k2); [reflexivity|]. apply (r_tell R); auto. intros; apply (r_cancel R); auto. }
    destruct (t_aborted x); auto. eapply P2; [exact C|]. apply (r_wake R); auto.
  - destruct (outcome e (asked x)) as [[s m] once]. eapply P2; [|apply (r_settle R); auto].
    assert (RW : forall l k, R k (fold_left (fun k f => remove_wake f t k) l k)).
    { induction l as [|f l IH]; simpl; intro k0; [apply P1|]. eapply P2; [|apply IH]. reflexivity. }
    eapply P2; [|apply RW]. reflexivity.
Qed.

Lemma delivered_begin_step t k : deliveries t (fst (begin_step t k)) = deliveries t k \/
  deliveries t (fst (begin_step t k)) = S (deliveries t k).
Proof.
  unfold begin_step. destruct (find_task t k) as [x|]; auto. destruct (t_ended x); auto.
  destruct (t_aborted x || _); auto. simpl. destruct (is_some (t_must_cancel x)); auto.
  right. unfold deliveries. simpl. rewrite Nat.eqb_refl. auto.
Qed.

Theorem delivered_in_step t m o m' a : apply m o = Some (m', a) ->
  deliveries t (kern m') = deliveries t (kern m) \/
  (deliveries t (kern m') = S (deliveries t (kern m)) /\
   (o = OBeginStep t \/ exists e, o = OEndStep t e)).
Proof.
  intro A.
  assert (C : (o <> OBeginStep t /\ (forall e, o <> OEndStep t e)) \/ (o = OBeginStep t \/ exists e, o = OEndStep t e)).
  { destruct o; try (left; split; [discriminate|intro; discriminate]);
      destruct (Nat.eq_dec t0 t) as [->|N]; eauto; left; split; try (intro; discriminate); congruence. }
  destruct C as [[N1 N2]|C]; [left; eapply delivered_apply; eauto|].
  assert (Q : deliveries t (kern m') = deliveries t (kern m) \/ deliveries t (kern m') = S (deliveries t (kern m))).
  { destruct m as [k tk rn]. destruct C as [->|(e & ->)]; cbn [apply kern] in A; unfold when in A.
    - destruct (is_taken _ _); [|discriminate]. pose proof (delivered_begin_step t k).
      destruct (begin_step t k). injection A as <- _. auto.
    - destruct (is_running _ _); [|discriminate]. injection A as <- _. apply delivered_end_step. }
  destruct Q; auto.
Qed.

(** ** The end of a task *)

(** The future of a task that ends, and the task. *)
Theorem task_ends m t e m' a x : Alive m -> apply m (OEndStep t (ExitEnded e)) = Some (m', a) ->
  find_task t (kern m) = Some x -> exists y, find_future (t_future x) (kern m') = Some y /\
  (f_state y, f_message y, f_message_once y) = outcome e (asked x) /\ ended t (kern m') = true.
Proof.
  intros [W _ N _] A E. destruct m as [k tk rn]. cbn [apply kern] in *.
  unfold when, is_running in A. simpl in *.
  destruct rn as [u|]; [|discriminate]. destruct (Nat.eqb_spec t u) as [->|]; [|discriminate].
  injection A as <- _. simpl. unfold find_task in E.
  destruct (r_lives _ _ N u eq_refl) as (x0 & E0 & L). rewrite E in E0. injection E0 as <-.
  unfold end_step, find_task. rewrite E.
  set (k1 := if t_told_taken x then _ else k).
  assert (S1 : same_waits k k1) by (unfold k1; destruct (t_told_taken x); [apply sw_note|apply sw_refl]).
  assert (W1 : Waits None k1) by (eapply waits_same; eauto).
  assert (E1 : find u (tasks k1) = Some x) by (unfold k1; destruct (t_told_taken x); auto).
  set (g := fun _ : task => _). change (fold_left _ (awaited x) ?k) with (remove_wakes u (awaited x) k).
  pose proof (waits_ending u x g k1 W1 E1 L eq_refl eq_refl eq_refl) as W2.
  pose proof (removed_rest u (awaited x) (in_task u g k1)) as (R1 & _).
  set (k2 := remove_wakes u (awaited x) (in_task u g k1)) in *.
  assert (E2 : find u (tasks k2) = Some (g x)) by (rewrite R1; simpl; rewrite find_update, Nat.eqb_refl, E1; auto).
  destruct (w_future _ _ W2 u (g x) E2) as (y & Ey & _). simpl in Ey.
  destruct (ending_future u x g k1 y W1 E1 L Ey) as [_ P].
  destruct (outcome e (asked x)) as [[s msg] once].
  rewrite (settle_is _ s msg once k2 y Ey P). eexists. split; [eauto|]. split; [auto|].
  unfold ended, find_task.
  destruct (wk_tasks _ _ (woken_settle _ (t_future x) s msg once k2 W2) u (g x) E2) as (x' & -> & -> & _). auto.
Qed.
