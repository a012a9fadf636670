(** Virtual time: the clock never goes back and moves only to the least deadline when nothing is
    ready; a timer never fires early, and at exactly its deadline unless a step blocked the loop;
    timers of one instant fire in order of registration. *)
From Coq Require Import List Arith NArith Lia Bool Sorted.
From Seedloop.Spec Require Import Map Kernel Machine.
From Seedloop.Thm Require Import Lists Closure Handles.
Import ListNotations.

Lemma fired_app a b : fired (a ++ b) = fired b ++ fired a.
Proof. induction a as [|[] a IH]; simpl; rewrite ?app_nil_r, ?IH, ?app_assoc; auto. Qed.

(** Neither the clock nor a timer is touched. *)
Record still (k k' : kernel) : Prop := {
  st_now : now k' = now k;
  st_timers : timers k' = timers k;
  st_registrations : registrations k' = registrations k;
  st_fired : fired (history k') = fired (history k) }.

Lemma still_apply m o m' a : apply m o = Some (m', a) -> timeless o = true -> still (kern m) (kern m').
Proof.
  apply r_apply; try (constructor; reflexivity).
  - intros x y z [] []. constructor; congruence.
  - intros k k' H _ T G N _ _. constructor; auto. congruence.
  - intros e k S. constructor; auto. destruct e; simpl; auto; discriminate.
Qed.

Lemma clock_still b k k' : still k k' -> Clock b k -> Clock b k'.
Proof. intros [N T G F] []. constructor; rewrite ?N, ?T, ?G, ?F; auto. Qed.

(** The fields that the clock does not look at. *)
Lemma still_frame k k' : now k' = now k -> timers k' = timers k -> registrations k' = registrations k ->
  history k' = history k -> still k k'.
Proof. intros N T G H. constructor; auto. congruence. Qed.

Lemma clock_arm b d a k : Clock b k -> Clock b (fst (arm d a k)).
Proof.
  intros []. unfold arm. destruct (new_call a Armed k) as [k1 c] eqn:E. injection E as <- _.
  set (w := Timer d (registrations k) c (now k)). constructor; simpl; auto.
  - apply insert_timer_sorted; auto.
  - intros v I. apply insert_timer_In in I as [->|I]; simpl; [lia|]. apply k_registered in I. lia.
  - intros v I. apply insert_timer_In in I as [->|I]; simpl; [lia|auto].
  - intros B v I. apply insert_timer_In in I as [->|I]; [unfold fires_at; simpl; lia|auto].
  - intros v n I. apply k_fired in I. lia.
  - intros v n u I J D. apply insert_timer_In in J as [->|J]; simpl; [apply k_fired in I; lia|eauto].
Qed.

Lemma clock_fewer b p k r : r = registrations k -> Clock b k -> Clock b (set_timers (filter p (timers k)) r k).
Proof.
  intros -> []. constructor; simpl; auto using sorted_filter; intros; try (apply filter_In in H as [H _]; auto).
  - apply filter_In in H0 as [H0 _]. auto.
  - apply filter_In in H0 as [H0 _]. eauto.
Qed.

Lemma clock_cancel_call b c k : Clock b k -> Clock b (fst (cancel_call c k)).
Proof.
  intro H. unfold cancel_call. destruct (find c (calls k)) as [x|]; auto. destruct (c_place x); auto; simpl.
  - eapply clock_still; [|apply clock_fewer; [reflexivity|exact H]]. apply still_frame; reflexivity.
  - eapply clock_still; [|exact H]. apply still_frame; reflexivity.
Qed.

Lemma clock_busy b ns k : Clock b k -> Clock true (busy ns k).
Proof.
  intros []. constructor; simpl; auto; try discriminate.
  - intros w I. apply k_armed in I. unfold time_add. lia.
  - intros w n I. apply k_early in I. unfold time_add. lia.
Qed.

(** ** Timers fire *)

Lemma due_parts n l : forall a b, due n l = (a, b) -> StronglySorted before l ->
  l = a ++ b /\ (forall w, In w a -> (deadline w <= n)%N) /\ (forall w, In w b -> (n < deadline w)%N).
Proof.
  induction l as [|w l IH]; simpl; intros a b E S; [injection E as <- <-; repeat split; easy|].
  inversion S as [|? ? S1 S2]; subst. rewrite Forall_forall in S2. unfold time_leb in E.
  destruct (N.leb_spec (deadline w) n).
  - destruct (due n l) as [a' b'] eqn:D. injection E as <- <-. destruct (IH _ _ eq_refl S1) as (-> & A & B).
    repeat split; auto. intros v [<-|I]; auto.
  - injection E as <- <-. repeat split; try easy. intros v [<-|I]; auto.
    destruct (S2 v I) as [L|[L _]]; lia.
Qed.

Lemma fire_fields l : forall k, now (fold_left fire l k) = now k /\ timers (fold_left fire l k) = timers k /\
  registrations (fold_left fire l k) = registrations k /\
  fired (history (fold_left fire l k)) = fired (history k) ++ map (fun w => (w, now k)) l.
Proof.
  induction l as [|w l IH]; simpl; intro k; [rewrite app_nil_r; auto|].
  destruct (IH (fire k w)) as (-> & -> & -> & ->). simpl. rewrite <- app_assoc. auto.
Qed.

Lemma before_app a b : StronglySorted before (a ++ b) ->
  StronglySorted before a /\ (forall v w, In v a -> In w b -> before v w).
Proof.
  induction a as [|x a IH]; simpl; intro S; [split; [constructor|easy]|].
  inversion S as [|? ? S1 S2]; subst. destruct (IH S1) as [A B]. rewrite Forall_forall in S2. split.
  - constructor; auto. apply Forall_forall. intros y I. apply S2, in_app_iff; auto.
  - intros v w [<-|I] J; auto. apply S2, in_app_iff; auto.
Qed.

Lemma two_in_app A (l1 l2 : list A) x y a b c : l1 ++ l2 = a ++ x :: b ++ y :: c ->
  (exists a' b' c', l1 = a' ++ x :: b' ++ y :: c') \/
  (exists a' b' c', l2 = a' ++ x :: b' ++ y :: c') \/ (In x l1 /\ In y l2).
Proof.
  revert a. induction l1 as [|z l1 IH]; simpl; intros a E; [right; left; eauto|].
  destruct a as [|z' a]; simpl in E; injection E as -> E.
  - clear IH. assert (I : In y (l1 ++ l2)) by (rewrite E; apply in_app_iff; right; left; auto).
    apply in_app_iff in I as [I|I].
    + left. apply in_split in I as (b' & c' & ->). exists [], b', c'. auto.
    + right. right. auto.
  - destruct (IH _ E) as [(a' & b' & c' & ->)|[(a' & b' & c' & ->)|[I J]]].
    + left. exists (z' :: a'), b', c'. auto.
    + right. left. eauto.
    + right. right. auto.
Qed.

Lemma two_in_map A B (g : A -> B) l x y a b c : map g l = a ++ x :: b ++ y :: c ->
  exists l1 u l2 v l3, l = l1 ++ u :: l2 ++ v :: l3 /\ g u = x /\ g v = y.
Proof.
  intro E. apply map_eq_app in E as (l1 & r & -> & <- & E). destruct r as [|u r]; [discriminate|].
  simpl in E. injection E as <- E. apply map_eq_app in E as (l2 & r' & -> & <- & E).
  destruct r' as [|v l3]; [discriminate|]. simpl in E. injection E as <- E. exists l1, u, l2, v, l3. auto.
Qed.

(** The clock is at [d], and no timer that is due earlier is left behind. *)
Lemma clock_collect b k : Clock b k -> Clock b (collect_due k).
Proof.
  intro H. unfold collect_due. destruct (due (now k) (timers k)) as [l r] eqn:E.
  destruct (due_parts _ _ _ _ E (k_sorted _ _ H)) as (TE & LE & GT).
  destruct (fire_fields l (set_timers r (registrations k) k)) as (N & T & G & F).
  destruct H. rewrite TE in *.
  assert (SR : StronglySorted before r) by (eapply sorted_app; eauto).
  destruct (before_app _ _ k_sorted) as [SL LR]. simpl in N, T, G, F.
  assert (IN : forall w n, In (w, n) (fired (history k) ++ map (fun w => (w, now k)) l) ->
    In (w, n) (fired (history k)) \/ (In w l /\ n = now k)).
  { intros w n I. apply in_app_iff in I as [I|I]; auto. apply in_map_iff in I as (v & Q & I).
    injection Q as <- <-. auto. }
  constructor; rewrite ?N, ?T, ?G, ?F; auto.
  - intros w I. apply k_registered, in_app_iff; auto.
  - intros w I. apply k_armed, in_app_iff; auto.
  - intros B w I. apply k_future; auto. apply in_app_iff; auto.
  - intros w n I. destruct (IN _ _ I) as [J|[J ->]]; auto. apply LE in J. lia.
  - intros B w n I. destruct (IN _ _ I) as [J|[J ->]]; auto.
    assert (A : In w (l ++ r)) by (apply in_app_iff; auto).
    pose proof (k_future B w A). pose proof (k_armed w A). apply LE in J. unfold fires_at in *. lia.
  - intros w n I. destruct (IN _ _ I) as [J|[J ->]]; eauto. apply k_registered, in_app_iff; auto.
  - intros v n w I J D. destruct (IN _ _ I) as [K|[K ->]].
    + eapply k_next; eauto. apply in_app_iff; auto.
    + destruct (LR v w K J) as [L|[_ L]]; auto. lia.
  - intros a v n b' w o c Q D. apply two_in_app in Q as [(x & y & z & Q)|[(x & y & z & Q)|[I J]]].
    + eapply k_ties; eauto.
    + apply two_in_map in Q as (l1 & u & l2 & u' & l3 & -> & Q1 & Q2).
      injection Q1 as <- _. injection Q2 as <- _.
      destruct (before_app _ _ SL) as [S1 _]. apply sorted_app in SL.
      inversion SL as [|? ? _ S2]; subst. rewrite Forall_forall in S2.
      destruct (S2 u') as [L|[_ L]]; auto; [apply in_app_iff; right; left; auto|]. lia.
    + apply in_map_iff in J as (u & Q & J). injection Q as <- _.
      eapply k_next; eauto. apply in_app_iff; auto.
Qed.

Lemma clock_advance b d k : Clock b k -> next_deadline k = Some d -> (now k < d)%N ->
  Clock b (set_now d k).
Proof.
  intros H E L. unfold next_deadline in E. destruct (timers k) as [|w l] eqn:T; [discriminate|].
  injection E as <-. destruct H. rewrite T in *. inversion k_sorted as [|? ? S1 S2]; subst.
  rewrite Forall_forall in S2.
  assert (LE : forall v, In v (w :: l) -> (deadline w <= deadline v)%N).
  { intros v [<-|I]; [lia|]. destruct (S2 v I) as [Q|[Q _]]; lia. }
  constructor; simpl; rewrite ?T; auto.
  - intros v I. apply k_armed in I. lia.
  - intros B v I. unfold fires_at. apply LE in I. lia.
  - intros v n I. apply k_early in I. lia.
Qed.

Lemma clock_begin_iteration b k : Clock b k -> Clock b (fst (begin_iteration k)).
Proof.
  intro H. unfold begin_iteration. set (k1 := set_iteration _ k).
  assert (H1 : Clock b k1) by (eapply clock_still; [|exact H]; apply still_frame; reflexivity).
  assert (S : forall k2, Clock b k2 -> Clock b (set_batch (length (ready (collect_due k2))) (collect_due k2))).
  { intros k2 H2. eapply clock_still; [|apply clock_collect; exact H2]. apply still_frame; reflexivity. }
  destruct (ready k1), (stopping k1), (next_deadline k1) as [d|] eqn:E; simpl; auto.
  destruct (time_ltb (now k) d) eqn:L; simpl; auto. apply S, clock_advance; auto. apply N.ltb_lt. exact L.
Qed.

Lemma clock_slip b k : Clock b k -> Clock b (fst (slip k)).
Proof.
  intro H. unfold slip. destruct (next_deadline k) as [d|] eqn:E; auto.
  destruct (time_ltb (now k) d) eqn:L; auto. simpl. apply clock_collect, clock_advance; auto.
  apply N.ltb_lt. exact L.
Qed.

Theorem clock_apply b m o m' a : apply m o = Some (m', a) -> Clock b (kern m) ->
  Clock (b || blocks o) (kern m').
Proof.
  intros A H. destruct (timeless o) eqn:T.
  { replace (b || blocks o) with b by (destruct o, b; try discriminate; auto).
    eapply clock_still; [eapply still_apply; eauto|auto]. }
  destruct m as [k tk rn]. simpl in H.
  assert (WH : forall c r, when c r = Some (m', a) -> c = true /\ r = Some (m', a))
    by (unfold when; intros [] r Q; [auto|discriminate]).
  assert (D : forall (c : kernel * answer) b', same (Machine k tk rn) c = Some (m', a) ->
    Clock b' (fst c) -> Clock b' (kern m')).
  { intros c b' Q Rc. unfold same in Q. injection Q as <- _. auto. }
  destruct o; try discriminate T; cbn [apply kern taken running] in A; try (apply WH in A as [B A]);
    simpl; rewrite ?orb_false_r, ?orb_true_r.
  - pose proof (clock_begin_iteration b k H). destruct (begin_iteration k). eapply D; eauto.
  - eapply D; [exact A|apply clock_slip; auto].
  - eapply D; [exact A|]. apply (clock_busy b); auto.
  - destruct (take index k) as [[k' h]|] eqn:Q; [|discriminate]. injection A as <- _. simpl.
    unfold take in Q. destruct (nth_error _ _); [|discriminate]. injection Q as <- _.
    eapply clock_still; [|exact H]. constructor; reflexivity.
  - pose proof (clock_arm b d a0 k H). destruct (arm d a0 k). eapply D; eauto.
  - eapply D; [exact A|apply clock_cancel_call; auto].
Qed.

(** ** The clock alone *)

Lemma collect_now k : now (collect_due k) = now k.
Proof.
  unfold collect_due. destruct (due _ _) as [l r].
  destruct (fire_fields l (set_timers r (registrations k) k)) as (-> & _). reflexivity.
Qed.

(** An iteration moves the clock only if nothing is ready, and then to the least deadline. *)
Theorem clock_advances k : now (fst (begin_iteration k)) <> now k ->
  ready k = [] /\ stopping k = false /\ next_deadline k = Some (now (fst (begin_iteration k))) /\
  (now k < now (fst (begin_iteration k)))%N.
Proof.
  unfold begin_iteration. set (k1 := set_iteration _ k). change (ready k1) with (ready k).
  change (stopping k1) with (stopping k). change (next_deadline k1) with (next_deadline k).
  change (now k1) with (now k). unfold time_ltb.
  destruct (ready k), (stopping k), (next_deadline k) as [d|]; simpl; rewrite ?collect_now; simpl; try congruence.
  destruct (N.ltb_spec (now k) d); simpl; rewrite collect_now; simpl; try congruence. intros _. repeat split; auto.
Qed.

Theorem clock_monotone m o m' a : apply m o = Some (m', a) -> (now (kern m) <= now (kern m'))%N.
Proof.
  intro A. destruct (timeless o) eqn:T; [apply still_apply in A as [-> _ _ _]; auto; lia|].
  destruct m as [k tk rn]. simpl.
  assert (WH : forall c r, when c r = Some (m', a) -> c = true /\ r = Some (m', a))
    by (unfold when; intros [] r Q; [auto|discriminate]).
  assert (D : forall (c : kernel * answer), same (Machine k tk rn) c = Some (m', a) ->
    (now k <= now (fst c))%N -> (now k <= now (kern m'))%N).
  { intros c Q Rc. unfold same in Q. injection Q as <- _. auto. }
  destruct o; try discriminate T; cbn [apply kern taken running] in A; try (apply WH in A as [B A]).
  - assert (Q : (now k <= now (fst (begin_iteration k)))%N).
    { destruct (N.eq_dec (now (fst (begin_iteration k))) (now k)) as [->|N]; [lia|].
      apply clock_advances in N as (_ & _ & _ & L). lia. }
    destruct (begin_iteration k). eapply D; eauto.
  - eapply D; [exact A|]. unfold slip. destruct (next_deadline k) as [d|]; simpl; try lia.
    unfold time_ltb. destruct (N.ltb_spec (now k) d); simpl; rewrite ?collect_now; simpl; lia.
  - eapply D; [exact A|]. simpl. unfold time_add. lia.
  - destruct (take index k) as [[k' h]|] eqn:Q; [|discriminate]. injection A as <- _. simpl.
    unfold take in Q. destruct (nth_error _ _); [|discriminate]. injection Q as <- _. simpl. lia.
  - assert (Q : (now k <= now (fst (arm d a0 k)))%N) by (simpl; lia). destruct (arm d a0 k). eapply D; eauto.
  - eapply D; [exact A|]. simpl. unfold cancel_call. destruct (find c (calls k)) as [x|]; [|simpl; lia].
    destruct (c_place x); simpl; lia.
Qed.

