(** One place: every ready handle, armed timer and done callback stands in exactly one list, and
    a task's step stands among the ready handles exactly when the task says so. *)
From Coq Require Import List Arith NArith Lia Bool Permutation Sorted.
From Seedloop.Spec Require Import Map Kernel Machine.
From Seedloop.Thm Require Import Lists.
Import ListNotations.

(** What [Handles] looks at. *)
Record same_handles (k k' : kernel) : Prop := {
  sh_ready : ready k' = ready k;
  sh_timers : timers k' = timers k;
  sh_registrations : registrations k' = registrations k;
  sh_calls : calls k' = calls k;
  sh_next : (next_task k', next_future k', next_call k') =
            (next_task k, next_future k, next_call k);
  sh_tasks : forall t, option_map t_queued (find t (tasks k')) =
                       option_map t_queued (find t (tasks k));
  sh_futures : forall f, option_map (fun y => calls_of (f_callbacks y)) (find f (futures k')) =
                         option_map (fun y => calls_of (f_callbacks y)) (find f (futures k)) }.

Lemma map_some A B (g : A -> B) o o' x :
  option_map g o' = option_map g o -> o' = Some x -> exists y, o = Some y /\ g y = g x.
Proof. intros E ->. destruct o; simpl in E; [|discriminate]. injection E; eauto. Qed.

Lemma handles_same tk cbs k k' : same_handles k k' -> Handles tk cbs k -> Handles tk cbs k'.
Proof.
  intros [R T G C N KT KF] H. injection N as N1 N2 N3.
  assert (PL : forall c p, placed c p k -> placed c p k') by (unfold placed; rewrite C; auto).
  assert (FT : forall t x, find t (tasks k') = Some x ->
    exists y, find t (tasks k) = Some y /\ t_queued y = t_queued x)
    by (intros t x E; exact (map_some _ _ _ _ _ _ (KT t) E)).
  assert (FF : forall f x, find f (futures k') = Some x ->
    exists y, find f (futures k) = Some y /\ calls_of (f_callbacks y) = calls_of (f_callbacks x))
    by (intros f x E; exact (map_some _ _ _ _ _ _ (KF f) E)).
  destruct H. constructor; rewrite ?R, ?T, ?G, ?C, ?N1, ?N2, ?N3; auto.
  - intros t x E. destruct (FT _ _ E) as (y & E' & _). eauto.
  - intros f x E. destruct (FF _ _ E) as (y & E' & _). eauto.
  - intros t x E. destruct (FT _ _ E) as (y & E' & <-). eauto.
  - intros f y c E I. destruct (FF _ _ E) as (z & E' & Q). rewrite <- Q in I. eauto.
  - intros f y E. destruct (FF _ _ E) as (z & E' & <-). eauto.
  - intros f g y z c E F I J. destruct (FF _ _ E) as (y' & E' & Q). destruct (FF _ _ F) as (z' & F' & Q').
    rewrite <- Q in I. rewrite <- Q' in J. eapply h_on_done_one; eauto.
  - intros f y c E I. destruct (FF _ _ E) as (z & E' & Q). rewrite <- Q in I. eauto.
Qed.

(** ** Primitive changes *)

Lemma same_in_task t g k : (forall x, t_queued (g x) = t_queued x) -> same_handles k (in_task t g k).
Proof.
  intro Q. constructor; simpl; auto. intro u. rewrite find_update.
  destruct (t =? u); auto. destruct (find u (tasks k)); simpl; auto. rewrite Q; auto.
Qed.
Lemma same_in_future f g k :
  (forall y, calls_of (f_callbacks (g y)) = calls_of (f_callbacks y)) -> same_handles k (in_future f g k).
Proof.
  intro Q. constructor; simpl; auto. intro u. rewrite find_update.
  destruct (f =? u); auto. destruct (find u (futures k)); simpl; auto. rewrite Q; auto.
Qed.
Lemma same_refl k : same_handles k k.
Proof. constructor; auto. Qed.
Lemma same_note e k : same_handles k (note e k).
Proof. constructor; auto. Qed.
Lemma same_trans a b c : same_handles a b -> same_handles b c -> same_handles a c.
Proof. intros [] []. constructor; try congruence; intros; etransitivity; eauto. Qed.

Lemma handles_drop tk t cbs k : Handles tk (WakeTask t :: cbs) k -> Handles tk cbs k.
Proof. intros []. constructor; auto. Qed.

Lemma in_live tk (r : list handle) h g : In h (of_option tk ++ r ++ [g]) <-> In h (of_option tk ++ r) \/ h = g.
Proof. rewrite app_assoc, in_app_iff. simpl. intuition. Qed.

Lemma handles_wake tk cbs t k : Handles tk cbs k -> Handles tk cbs (fst (wake t k)).
Proof.
  intro H. unfold wake, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  destruct (t_ended x || t_queued x) eqn:B; auto. apply orb_false_iff in B as [_ Q]. simpl.
  assert (NI : ~ In (Step t) (of_option tk ++ ready k)).
  { rewrite <- (h_queued _ _ _ H _ _ E). congruence. }
  destruct H. constructor; simpl; auto.
  - intros u y F. rewrite find_update in F. destruct (Nat.eqb_spec t u); subst; eauto.
  - rewrite app_assoc. apply NoDup_snoc; auto.
  - intros u I. apply in_live in I as [I|I]; auto. injection I as ->. eauto.
  - intros u y F. rewrite find_update in F. rewrite in_live. destruct (Nat.eqb_spec t u).
    + subst. rewrite E in F. simpl in F. injection F as <-. simpl. intuition.
    + rewrite (h_queued _ _ F). intuition congruence.
  - intros c I. apply in_live in I as [I|I]; [|discriminate]. apply h_call; auto.
Qed.

(** A callback that is not among the ready handles joins them. *)
Lemma handles_queue tk cbs c p k :
  Handles tk cbs k -> placed c (eq p) k -> p <> Queued -> p <> Dead ->
  (forall w, In w (timers k) -> timer_call w <> c) ->
  (forall f y, find f (futures k) = Some y -> ~ In c (calls_of (f_callbacks y))) ->
  ~ In c (calls_of cbs) -> Handles tk cbs (queue_call c k).
Proof.
  intros H (x & E & ->) P1 P2 T F D.
  assert (NI : ~ In (Call c) (of_option tk ++ ready k)).
  { intro I. destruct (h_call _ _ _ H _ I) as (y & E' & [Q|Q]); congruence. }
  assert (PL : forall d p, d <> c -> placed d p k -> placed d p (queue_call c k)).
  { intros d p N (y & E' & Q). exists y. simpl. rewrite find_update.
    destruct (Nat.eqb_spec c d); [congruence|auto]. }
  destruct H. constructor; auto.
  - intros d y G. simpl in G. rewrite find_update in G. destruct (Nat.eqb_spec c d); subst; eauto.
  - simpl. rewrite app_assoc. apply NoDup_snoc; auto.
  - intros t I. simpl in I. apply in_live in I as [I|I]; [auto|discriminate].
  - intros t y G. simpl. rewrite in_live, (h_queued _ _ G). intuition congruence.
  - intros d I. simpl in I. apply in_live in I as [I|I].
    + destruct (Nat.eq_dec d c) as [->|N]; [contradiction|]. apply PL; auto.
    + injection I as ->. exists (set_place Queued x). simpl. rewrite find_update, Nat.eqb_refl, E.
      simpl; auto.
  - intros f y d G I. apply PL; eauto. intros ->. eapply F; eauto.
  - intros d I. apply PL; eauto. intros ->. auto.
Qed.

Lemma handles_due tk c cbs k : Handles tk (RunCall c :: cbs) k -> Handles tk cbs (queue_call c k).
Proof.
  intro H. pose proof (h_due_once _ _ _ H) as N. simpl in N. inversion N as [|? ? N1 N2]; subst.
  destruct (h_due _ _ _ H c (or_introl eq_refl)) as (x & E & P).
  apply handles_queue with (p := OnDone); auto; try discriminate.
  - destruct H. constructor; auto. intros d I. apply h_due. right; auto.
    intros f y d G I J. eapply h_due_one; eauto. right; auto.
  - exists x; auto.
  - intros w I Q. subst c. destruct (h_armed _ _ _ H _ I) as (y & E' & P'). congruence.
  - intros f y G I. eapply (h_due_one _ _ _ H); eauto. left; auto.
Qed.

Lemma handles_run tk cbs : forall k, Handles tk cbs k -> Handles tk [] (fold_left run_callback cbs k).
Proof.
  induction cbs as [|[t|c] cbs IH]; simpl; auto; intros k H; apply IH.
  - apply handles_wake. eapply handles_drop; eauto.
  - apply handles_due; auto.
Qed.

(** The callbacks of a future are taken off it, to be run. *)
Lemma handles_detach tk f y g k :
  Handles tk [] k -> find f (futures k) = Some y -> (forall z, f_callbacks (g z) = []) ->
  Handles tk (f_callbacks y) (in_future f g k).
Proof.
  intros H E G. destruct H. constructor; auto.
  - intros u z F. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec f u); subst; eauto.
  - intros u z c F I. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec f u).
    + subst. rewrite E in F. injection F as <-. rewrite G in I. destruct I.
    + eapply h_on_done; eauto.
  - intros u z F. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec f u).
    + subst. rewrite E in F. injection F as <-. rewrite G. constructor.
    + eauto.
  - intros u v z z' c F F' I I'. simpl in F, F'. rewrite find_update in F, F'.
    destruct (Nat.eqb_spec f u).
    { subst. rewrite E in F. injection F as <-. rewrite G in I. destruct I. }
    destruct (Nat.eqb_spec f v).
    { subst. rewrite E in F'. injection F' as <-. rewrite G in I'. destruct I'. }
    eapply h_on_done_one; eauto.
  - intros c I. eapply h_on_done; eauto.
  - eauto.
  - intros u z c F I J. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec f u).
    + subst. rewrite E in F. injection F as <-. rewrite G in I. destruct I.
    + assert (f = u) by (eapply h_on_done_one; eauto). congruence.
Qed.

Lemma handles_settle tk f s m once k : Handles tk [] k -> Handles tk [] (fst (settle f s m once k)).
Proof.
  intro H. unfold settle, find_future. destruct (find f (futures k)) as [y|] eqn:E; auto.
  destruct (is_pending (f_state y)); auto. simpl.
  set (g := fun _ : future => _).
  assert (D : Handles tk (f_callbacks y) (in_future f g k)) by (apply handles_detach; auto).
  destruct (f_observed y); apply handles_run; eapply handles_same; try exact D; constructor; auto.
Qed.

(** ** Cancellation *)

Section Cancel.
Variable tk : option handle.
Variable cf : list task_id -> message -> kernel -> future_id -> kernel * bool.
Hypothesis IH : forall path m k f, Handles tk [] k -> Handles tk [] (fst (cf path m k f)).

Lemma handles_refuse path m l : forall c, Handles tk [] (fst c) ->
  Handles tk [] (fst (fold_left (refuse_or cf path m) l c)).
Proof.
  induction l as [|on l IHl]; simpl; auto. intros [k b] H. apply IHl. unfold refuse_or.
  destruct on as [f|]; auto. destruct (cf path m k f) eqn:E. simpl.
  specialize (IH path m k f H). rewrite E in IH. auto.
Qed.

Lemma handles_any path m l : forall c, Handles tk [] (fst c) ->
  Handles tk [] (fst (fold_left (any_or cf path m) l c)).
Proof.
  induction l as [|f l IHl]; simpl; auto. intros [k b] H. apply IHl. unfold any_or.
  destruct (cf path m k f) eqn:E. simpl. specialize (IH path m k f H). rewrite E in IH. auto.
Qed.

Lemma handles_tell path m t k : Handles tk [] k -> Handles tk [] (tell_with cf path m t k).
Proof.
  intro H. unfold tell_with. destruct (find_task t k) as [x|] eqn:E; auto.
  set (l := map a_on (t_awaits x)). set (b := match t_awaits x with [] => true | _ => false end).
  pose proof (handles_refuse (t :: path) m l (k, b) H) as H1.
  destruct (fold_left _ l (k, b)) as [k1 refused]. simpl in H1. destruct refused; auto.
  assert (H2 : Handles tk [] (in_task t (set_must_cancel (Some m)) k1))
    by (eapply handles_same; [apply same_in_task|]; auto).
  destruct (awaits_closing x k1); auto. apply handles_wake; auto.
Qed.

Lemma handles_cancel_task path m t k :
  Handles tk [] k -> Handles tk [] (fst (cancel_task_with cf path m t k)).
Proof.
  intro H. unfold cancel_task_with. destruct (find_task t k) as [x|]; auto.
  destruct (_ || _); auto.
  assert (H1 : forall g, (forall x, t_queued (g x) = t_queued x) ->
    Handles tk [] (in_task t g (note (EAsk t) (in_task t (fun x => set_cancels (S (t_cancels x)) x) k)))).
  { intros g Q. eapply handles_same; [apply same_in_task; auto|].
    eapply handles_same; [apply same_note|]. eapply handles_same; [apply same_in_task|]; auto. }
  destruct (t_running x); simpl; auto.
  apply handles_tell.
  eapply handles_same; [apply same_note|]. eapply handles_same; [apply same_in_task|]; auto.
Qed.
End Cancel.

Lemma handles_cancel_future tk fuel : forall path m k f,
  Handles tk [] k -> Handles tk [] (fst (cancel_future fuel path m k f)).
Proof.
  induction fuel as [|fuel IH]; simpl; auto. intros path m k f H.
  destruct (find_future f k) as [y|] eqn:E; auto.
  destruct (f_state y); auto. destruct (f_on_cancel y).
  - apply handles_settle; auto.
  - apply handles_cancel_task; auto.
  - pose proof (handles_any tk _ IH path m fs (k, false) H) as H1.
    destruct (fold_left _ fs (k, false)) as [k1 any]. simpl in *. destruct any; auto.
    eapply handles_same; [apply same_in_future|]; auto.
Qed.

(** ** Callbacks and timers *)

Lemma before_trans a b c : before a b -> before b c -> before a c.
Proof. unfold before. intros [A|[A A']] [B|[B B']]; lia. Qed.

Lemma insert_timer_In w l v : In v (insert_timer w l) <-> v = w \/ In v l.
Proof.
  induction l as [|u l IH]; simpl; [intuition|]. destruct (time_ltb _ _); simpl; [intuition|].
  rewrite IH. intuition.
Qed.
Lemma insert_timer_calls w l : Permutation (map timer_call (insert_timer w l)) (map timer_call (w :: l)).
Proof.
  induction l as [|u l IH]; simpl; auto. destruct (time_ltb _ _); simpl; auto.
  rewrite IH. simpl. apply perm_swap.
Qed.
Lemma insert_timer_sorted w l : StronglySorted before l ->
  (forall v, In v l -> registration v < registration w) -> StronglySorted before (insert_timer w l).
Proof.
  induction l as [|u l IH]; simpl; intros S R; [repeat constructor|].
  inversion S as [|? ? S1 S2]; subst. unfold time_ltb.
  destruct (N.ltb_spec (deadline w) (deadline u)).
  - constructor; auto. rewrite Forall_forall in *. intros v [<-|I]; [left; auto|].
    eapply before_trans; [left; eauto|auto].
  - constructor; [apply IH; auto|]. rewrite Forall_forall in *. intros v I.
    apply insert_timer_In in I as [->|I]; auto. specialize (R u (or_introl eq_refl)).
    unfold before. lia.
Qed.

Lemma placed_new c a p q k : c <> next_call k ->
  placed c q k -> placed c q (fst (new_call a p k)).
Proof.
  intros N (x & E & Q). exists x. simpl. destruct (Nat.eqb_spec c (next_call k)); [easy|auto].
Qed.

Lemma handles_new a p tk cbs k : Handles tk cbs k -> Handles tk cbs (fst (new_call a p k)).
Proof.
  intro H.
  assert (PL : forall c q, placed c q k -> placed c q (fst (new_call a p k))).
  { intros c q (x & E & Q). apply placed_new; [|exists x; auto].
    pose proof (h_fresh_call _ _ _ H _ _ E). lia. }
  destruct H. constructor; simpl; auto; intros; try (apply PL; eauto; fail).
  destruct (c =? next_call k) eqn:B; [apply Nat.eqb_eq in B; lia|]. apply h_fresh_call in H. lia.
Qed.

(** No list knows a call that is not yet made. *)
Record Unlisted (tk : option handle) (cbs : list callback) (c : call_id) (k : kernel) : Prop := {
  u_ready : ~ In (Call c) (of_option tk ++ ready k);
  u_timers : forall w, In w (timers k) -> timer_call w <> c;
  u_futures : forall f y, find f (futures k) = Some y -> ~ In c (calls_of (f_callbacks y));
  u_cbs : ~ In c (calls_of cbs) }.

Lemma new_unlisted tk cbs k : Handles tk cbs k -> Unlisted tk cbs (next_call k) k.
Proof.
  intro H. assert (F : forall p, ~ placed (next_call k) p k).
  { intros p (x & E & _). pose proof (h_fresh_call _ _ _ H _ _ E). lia. }
  destruct H. constructor.
  - intro I. exact (F _ (h_call _ I)).
  - intros w I E. pose proof (h_armed _ I) as P. rewrite E in P. exact (F _ P).
  - intros f y E I. exact (F _ (h_on_done _ _ _ E I)).
  - intro I. exact (F _ (h_due _ I)).
Qed.

Lemma handles_call_soon tk cbs a k : Handles tk cbs k -> Handles tk cbs (fst (call_soon a k)).
Proof.
  intro H. pose proof (new_unlisted _ _ _ H) as [U1 U2 U3 U4]. pose proof (handles_new a Queued _ _ _ H) as N.
  unfold call_soon. destruct (new_call a Queued k) as [k1 c] eqn:E. simpl. simpl in N.
  assert (R : c = next_call k /\ ready k1 = ready k /\ calls k1 = (next_call k, ACallOf a Queued) :: calls k)
    by (injection E as <- <-; auto). destruct R as (-> & R1 & R3).
  destruct N. constructor; simpl; auto.
  - rewrite app_assoc. apply NoDup_snoc; auto. rewrite R1; auto.
  - intros t I. apply in_live in I as [I|I]; [auto|discriminate].
  - intros t x F. rewrite in_live, (h_queued _ _ F). intuition congruence.
  - intros c I. apply in_live in I as [I|I]; [apply h_call; auto|]. injection I as ->.
    exists (ACallOf a Queued). simpl. rewrite R3. simpl. rewrite Nat.eqb_refl. auto.
Qed.

Lemma handles_arm tk cbs d a k : Handles tk cbs k -> Handles tk cbs (fst (arm d a k)).
Proof.
  intro H. pose proof (new_unlisted _ _ _ H) as [U1 U2 U3 U4]. pose proof (handles_new a Armed _ _ _ H) as N.
  unfold arm. destruct (new_call a Armed k) as [k1 c] eqn:E. simpl. simpl in N.
  assert (R : c = next_call k /\ timers k1 = timers k /\ calls k1 = (next_call k, ACallOf a Armed) :: calls k)
    by (injection E as <- <-; auto). destruct R as (-> & R1 & R3).
  destruct N. constructor; simpl; auto.
  - apply insert_timer_sorted; auto.
  - intros w I. apply insert_timer_In in I as [->|I]; simpl; [lia|]. apply h_registered in I. lia.
  - intros w I. apply insert_timer_In in I as [->|I]; simpl; [|apply h_armed; auto].
    exists (ACallOf a Armed). simpl. rewrite R3. simpl. rewrite Nat.eqb_refl. auto.
  - eapply Permutation_NoDup; [symmetry; apply insert_timer_calls|]. simpl. constructor; auto.
    rewrite R1. rewrite in_map_iff. intros (w & Q & I). exact (U2 _ I Q).
Qed.

(** A call that no list knows may go. *)
Lemma handles_forget tk cbs c k : Handles tk cbs k -> Unlisted tk cbs c k ->
  Handles tk cbs (set_calls (remove c (calls k)) k).
Proof.
  intros H [U1 U2 U3 U4].
  assert (PL : forall d p, d <> c -> placed d p k -> placed d p (set_calls (remove c (calls k)) k)).
  { intros d p N (x & E & Q). exists x. simpl. rewrite find_remove.
    destruct (Nat.eqb_spec c d); [congruence|auto]. }
  destruct H. constructor; auto.
  - intros d x E. simpl in E. rewrite find_remove in E. destruct (c =? d); [discriminate|eauto].
  - intros d I. apply PL; auto. intros ->. auto.
  - intros f y d E I. apply PL; eauto. intros ->. eapply U3; eauto.
  - intros d I. apply PL; eauto. intros ->. auto.
Qed.

Lemma sorted_filter A (R : A -> A -> Prop) p l : StronglySorted R l -> StronglySorted R (filter p l).
Proof.
  induction 1 as [|x l S IH F]; simpl; [constructor|]. destruct (p x); auto. constructor; auto.
  rewrite Forall_forall in *. intros y I. apply filter_In in I as [I _]. auto.
Qed.
Lemma nodup_map_filter A B (g : A -> B) p l : NoDup (map g l) -> NoDup (map g (filter p l)).
Proof.
  induction l as [|x l IH]; simpl; auto. intro N. inversion N; subst. destruct (p x); simpl; auto.
  constructor; auto. rewrite in_map_iff in *. intros (y & E & I). apply filter_In in I as [I _]. eauto.
Qed.

Lemma handles_disarm tk cbs c k : Handles tk cbs k ->
  Handles tk cbs (set_timers (filter (fun w => negb (timer_call w =? c)) (timers k)) (registrations k) k).
Proof.
  intros []. constructor; simpl; auto using sorted_filter, nodup_map_filter;
    intros w I; apply filter_In in I as [I _]; auto. apply h_armed in I. exact I.
Qed.

Lemma handles_cancel_call tk cbs c k : Handles tk cbs k -> Handles tk cbs (fst (cancel_call c k)).
Proof.
  intro H. unfold cancel_call. destruct (find c (calls k)) as [x|] eqn:E; auto.
  destruct (c_place x) eqn:P; auto; simpl.
  - pose proof (handles_disarm _ _ c _ H) as D. apply (handles_forget _ _ c) in D; [exact D|].
    assert (Q : forall d p, placed d p k -> d = c -> p Armed).
    { intros d p (y & E' & Z) ->. rewrite E in E'. injection E' as <-. rewrite <- P; auto. }
    constructor; simpl.
    + intro I. destruct (Q _ _ (h_call _ _ _ H _ I) eq_refl); discriminate.
    + intros w I. apply filter_In in I as [_ I]. apply negb_true_iff, Nat.eqb_neq in I. auto.
    + intros f y F I. pose proof (Q _ _ (h_on_done _ _ _ H _ _ _ F I) eq_refl). discriminate.
    + intro I. pose proof (Q _ _ (h_due _ _ _ H _ I) eq_refl). discriminate.
  - assert (PL : forall d (p : place -> Prop), (d = c -> p Queued -> p Dead) -> placed d p k -> placed d p (in_call c (set_place Dead) k)).
    { intros d p N (y & E' & Z). simpl. unfold placed. simpl. rewrite find_update.
      destruct (Nat.eqb_spec c d); [|eauto]. subst. rewrite E. simpl. eexists. split; eauto. simpl.
      apply N; auto. rewrite E in E'. injection E' as <-. rewrite <- P; auto. }
    destruct H. constructor; auto; simpl.
    + intros d y F. rewrite find_update in F. destruct (Nat.eqb_spec c d); subst; eauto.
    + intros w I. apply PL; auto. discriminate.
    + intros f y d F I. apply PL; eauto. discriminate.
    + intros d I. apply PL; auto. discriminate.
Qed.

(** The handle that was taken is begun. *)
Lemma handles_begun h cbs k : Handles (Some h) cbs k -> (forall t x, h = Step t -> find t (tasks k) = Some x -> False) ->
  Handles None cbs k.
Proof.
  intros [] N. simpl in *. constructor; simpl; auto.
  - inversion h_once; auto.
  - intros t x E. rewrite (h_queued _ _ E). split; auto. intros [Q|I]; auto. exfalso; eauto.
Qed.

Lemma handles_begin_call c k : Handles (Some (Call c)) [] k -> Handles None [] (fst (begin_call c k)).
Proof.
  intro H. pose proof (h_call _ _ _ H c (or_introl eq_refl)) as (x & E & P).
  unfold begin_call. rewrite E.
  assert (F : Handles None [] (set_calls (remove c (calls k)) k)).
  { apply handles_forget.
    - eapply handles_begun; eauto. discriminate.
    - assert (Q : forall d p, placed d p k -> d = c -> p Queued \/ p Dead).
      { intros d p (y & E' & Z) ->. rewrite E in E'. injection E' as <-. destruct P as [P|P]; rewrite P in Z; auto. }
      constructor.
      + simpl. pose proof (h_once _ _ _ H) as N. simpl in N. inversion N; auto.
      + intros w I Z. destruct (Q _ _ (h_armed _ _ _ H _ I) Z); discriminate.
      + intros f y G I. destruct (Q _ _ (h_on_done _ _ _ H _ _ _ G I) eq_refl); discriminate.
      + auto. }
  destruct (c_place x), (c_action x); simpl; auto; apply handles_settle; auto.
Qed.

Lemma handles_on_done tk f k : Handles tk [] k -> Handles tk [] (fst (on_done f k)).
Proof.
  intro H. unfold on_done. destruct (is_done f k) eqn:D; [apply handles_call_soon; auto|].
  pose proof (new_unlisted _ _ _ H) as [U1 U2 U3 U4]. pose proof (handles_new Closure OnDone _ _ _ H) as N.
  destruct (new_call Closure OnDone k) as [k1 c] eqn:E. simpl in *.
  assert (R : c = next_call k /\ futures k1 = futures k /\ calls k1 = (next_call k, ACallOf Closure OnDone) :: calls k)
    by (injection E as <- <-; auto). destruct R as (-> & R1 & R3).
  assert (PN : placed (next_call k) (eq OnDone) k1).
  { exists (ACallOf Closure OnDone). rewrite R3. simpl. rewrite Nat.eqb_refl. auto. }
  set (c := next_call k) in *.
  assert (FF : forall g z, find g (futures (in_future f (fun y => set_callbacks (f_callbacks y ++ [RunCall c]) y) k1)) = Some z ->
    exists y, find g (futures k1) = Some y /\
      (calls_of (f_callbacks z) = if f =? g then calls_of (f_callbacks y) ++ [c] else calls_of (f_callbacks y))).
  { intros g z F. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec f g); [|eauto].
    subst g. destruct (find f (futures k1)) as [y|] eqn:Q; [|discriminate]. simpl in F. injection F as <-.
    exists y. split; auto. simpl. rewrite calls_of_app. auto. }
  assert (NF : forall g y, find g (futures k1) = Some y -> ~ In c (calls_of (f_callbacks y)))
    by (rewrite R1; auto).
  destruct N. constructor; auto.
  - intros g z F. destruct (FF _ _ F) as (y & F' & _). eauto.
  - intros g z d F I. destruct (FF _ _ F) as (y & F' & Q). rewrite Q in I.
    destruct (f =? g); [apply in_app_iff in I as [I|[<-|[]]]|]; eauto.
  - intros g z F. destruct (FF _ _ F) as (y & F' & ->). destruct (f =? g); eauto.
    apply NoDup_snoc; eauto.
  - intros g g' z z' d F F' I I'. destruct (FF _ _ F) as (y & G & Q). destruct (FF _ _ F') as (y' & G' & Q').
    rewrite Q in I. rewrite Q' in I'. clear Q Q'.
    destruct (Nat.eqb_spec f g), (Nat.eqb_spec f g'); try congruence;
      rewrite ?in_app_iff in I; rewrite ?in_app_iff in I'; simpl in I, I'.
    + destruct I as [I|[<-|[]]]; [exact (h_on_done_one _ _ _ _ _ G G' I I')|].
      exfalso. exact (NF _ _ G' I').
    + destruct I' as [I'|[<-|[]]]; [exact (h_on_done_one _ _ _ _ _ G G' I I')|].
      exfalso. exact (NF _ _ G I).
    + exact (h_on_done_one _ _ _ _ _ G G' I I').
Qed.

Lemma calls_of_filter_one c l : NoDup (calls_of l) ->
  NoDup (calls_of (filter (fun cb => negb (is_call c cb)) l)) /\
  (forall d, In d (calls_of (filter (fun cb => negb (is_call c cb)) l)) -> In d (calls_of l) /\ d <> c).
Proof.
  induction l as [|[t|d] l IH]; simpl; intro N.
  - split; [auto|intros _ []].
  - auto.
  - inversion N; subst. destruct (IH H2) as [A B]. destruct (Nat.eqb_spec c d); simpl.
    + split; auto. intros d' I. destruct (B _ I). auto.
    + split.
      * constructor; auto. intro I. destruct (B _ I). auto.
      * intros d' [<-|I]; auto. destruct (B _ I). auto.
Qed.

Lemma handles_remove_on_done tk f c k : Handles tk [] k -> Handles tk [] (fst (remove_on_done f c k)).
Proof.
  intro H. unfold remove_on_done, find_future. destruct (find f (futures k)) as [y|] eqn:E; auto.
  destruct (existsb (is_call c) (f_callbacks y)) eqn:X; auto. simpl.
  assert (I : In c (calls_of (f_callbacks y))).
  { apply calls_of_In. apply existsb_exists in X as ([t|d] & I & Q); [discriminate|].
    simpl in Q. apply Nat.eqb_eq in Q. subst; auto. }
  pose proof (h_on_done _ _ _ H _ _ _ E I) as P0. destruct P0 as (x & Ec & Pc).
  destruct (calls_of_filter_one c _ (h_on_done_once _ _ _ H _ _ E)) as [A B].
  set (l := filter _ _) in *.
  assert (FF : forall g z, find g (futures (in_future f (set_callbacks l) k)) = Some z ->
    exists y', find g (futures k) = Some y' /\ (if f =? g then y' = y /\ f_callbacks z = l else z = y')).
  { intros g z F. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec f g); [|eauto].
    subst. rewrite E in F. simpl in F. injection F as <-. exists y. auto. }
  assert (D : Handles tk [] (in_future f (set_callbacks l) k)).
  { destruct H. constructor; auto.
    - intros g z F. destruct (FF _ _ F) as (? & ? & _). eauto.
    - intros g z d F J. destruct (FF _ _ F) as (y' & F' & Q). destruct (f =? g).
      + destruct Q as [-> Q]. rewrite Q in J. destruct (B _ J). eapply h_on_done; eauto.
      + subst. eapply h_on_done; eauto.
    - intros g z F. destruct (FF _ _ F) as (y' & F' & Q). destruct (f =? g).
      + destruct Q as [-> ->]. auto.
      + subst. eauto.
    - intros g g' z z' d F F' J J'. destruct (FF _ _ F) as (w & G & Q). destruct (FF _ _ F') as (w' & G' & Q').
      assert (In d (calls_of (f_callbacks w))).
      { destruct (f =? g); [destruct Q as [-> Q]; rewrite Q in J; destruct (B _ J); auto|subst; auto]. }
      assert (In d (calls_of (f_callbacks w'))).
      { destruct (f =? g'); [destruct Q' as [-> Q']; rewrite Q' in J'; destruct (B _ J'); auto|subst; auto]. }
      eapply h_on_done_one; eauto. }
  apply (handles_forget _ _ c) in D; [exact D|]. destruct H. constructor; auto.
  - intro J. destruct (h_call _ J) as (z & E' & [Q|Q]); congruence.
  - intros w J Z. destruct (h_armed _ J) as (z & E' & Q). congruence.
  - intros g z F J. destruct (FF _ _ F) as (y' & F' & Q). destruct (Nat.eqb_spec f g).
    + destruct Q as [-> Q]. rewrite Q in J. destruct (B _ J). auto.
    + subst. apply n. eapply h_on_done_one; eauto.
Qed.

Lemma handles_observe tk f k : Handles tk [] k -> Handles tk [] (observe f k).
Proof. apply handles_same, same_in_future. auto. Qed.

(** A future goes, and the calls that were to run with it. *)
Lemma handles_release tk f k : Handles tk [] k -> Handles tk [] (fst (future_release f k)).
Proof.
  intro H. unfold future_release, find_future. destruct (find f (futures k)) as [y|] eqn:E; auto.
  simpl. set (cs := calls_of (f_callbacks y)).
  assert (PL : forall d p, ~ In d cs -> placed d p k ->
    placed d p (set_calls (fold_left (fun l c => remove c l) cs (calls k)) (set_futures (remove f (futures k)) k))).
  { intros d p N (x & E' & Q). exists x. simpl. rewrite find_removes.
    destruct (existsb (Nat.eqb d) cs) eqn:B; [|auto]. apply existsb_In in B. contradiction. }
  assert (OD : forall d, In d cs -> placed d (eq OnDone) k) by (intros d I; eapply (h_on_done _ _ _ H); eauto).
  assert (FF : forall g z, find g (remove f (futures k)) = Some z -> g <> f /\ find g (futures k) = Some z).
  { intros g z F. rewrite find_remove in F. destruct (Nat.eqb_spec f g); [discriminate|auto]. }
  assert (NO : forall d p, placed d p k -> ~ p OnDone -> ~ In d cs).
  { intros d p (x & E1 & Q) N I. destruct (OD _ I) as (x' & E2 & Q'). rewrite E1 in E2.
    injection E2 as <-. rewrite <- Q' in Q. auto. }
  destruct H. constructor; auto; simpl.
  - intros g z F. destruct (FF _ _ F). eauto.
  - intros d x F. rewrite find_removes in F. destruct (existsb _ _); [discriminate|eauto].
  - intros d I. apply PL; auto. eapply NO; [apply h_call; eauto|]. intros []; discriminate.
  - intros w I. apply PL; [|apply h_armed; auto]. eapply NO; [apply h_armed; eauto|]. discriminate.
  - intros g z d F I. destruct (FF _ _ F) as [N F']. apply PL; [|eauto].
    intro J. apply N. eapply h_on_done_one; eauto.
  - intros g z F. destruct (FF _ _ F). eauto.
  - intros g g' z z' d F F' I I'. destruct (FF _ _ F), (FF _ _ F'). eapply h_on_done_one; eauto.
Qed.

(** ** Time *)

Lemma due_spec n l : forall a b, due n l = (a, b) -> l = a ++ b.
Proof.
  induction l as [|w l IH]; simpl; intros a b E; [injection E as <- <-; auto|].
  destruct (time_leb _ _); [|injection E as <- <-; auto].
  destruct (due n l) as [a' b'] eqn:D. injection E as <- <-. simpl. f_equal. auto.
Qed.

(** Timers that are out of the list and not yet among the ready handles. *)
Lemma handles_fire tk l : forall k, Handles tk [] k ->
  (forall w, In w l -> placed (timer_call w) (eq Armed) k) -> NoDup (map timer_call l) ->
  (forall v w, In v l -> In w (timers k) -> timer_call w <> timer_call v) ->
  Handles tk [] (fold_left fire l k).
Proof.
  induction l as [|w l IH]; simpl; intros k H A N D; auto. inversion N as [|? ? N1 N2]; subst.
  apply IH; auto.
  - unfold fire. apply handles_queue with (p := Armed); simpl; try discriminate; auto.
    + eapply handles_same; [apply same_note|auto].
    + apply (A w); auto.
    + intros f y E I. destruct (h_on_done _ _ _ H _ _ _ E I) as (x & E1 & P).
      destruct (A w (or_introl eq_refl)) as (x' & E2 & P'). congruence.
  - intros v I. destruct (A v (or_intror I)) as (x & E & P). exists x. simpl. rewrite find_update.
    destruct (Nat.eqb_spec (timer_call w) (timer_call v)) as [Q|]; auto.
    exfalso. apply N1. rewrite Q. apply in_map; auto.
Qed.

Lemma sorted_app A (R : A -> A -> Prop) a b : StronglySorted R (a ++ b) -> StronglySorted R b.
Proof. induction a; simpl; auto. intro S. inversion S; auto. Qed.

Lemma nodup_app A (a b : list A) : NoDup (a ++ b) -> NoDup a /\ NoDup b /\ forall x, In x a -> ~ In x b.
Proof.
  induction a as [|x a IH]; simpl; intro N; [repeat split; auto; constructor|].
  inversion N; subst. destruct (IH H2) as (A1 & A2 & A3). rewrite in_app_iff in H1.
  repeat split; auto; [constructor; tauto|]. intros y [->|I] J; [tauto|eapply A3; eauto].
Qed.

Lemma handles_collect tk k : Handles tk [] k -> Handles tk [] (collect_due k).
Proof.
  intro H. unfold collect_due. destruct (due (now k) (timers k)) as [a b] eqn:E.
  pose proof (due_spec _ _ _ _ E) as S.
  pose proof (h_timer_once _ _ _ H) as N. rewrite S, map_app in N. apply nodup_app in N as (N1 & N2 & N3).
  apply handles_fire; auto; simpl.
  - destruct H. constructor; auto; simpl.
    + rewrite S in h_sorted. eapply sorted_app; eauto.
    + intros w I. apply h_registered. rewrite S. apply in_app_iff; auto.
    + intros w I. apply (h_armed w). rewrite S. apply in_app_iff; auto.
  - intros w I. apply (h_armed _ _ _ H w). rewrite S. apply in_app_iff; auto.
  - intros v w I J Q. apply (N3 (timer_call v)); [apply in_map; auto|]. rewrite <- Q. apply in_map; auto.
Qed.

Lemma handles_set_now tk n k : Handles tk [] k -> Handles tk [] (set_now n k).
Proof. apply handles_same. constructor; auto. Qed.
Lemma handles_set_iteration tk n k : Handles tk [] k -> Handles tk [] (set_iteration n k).
Proof. apply handles_same. constructor; auto. Qed.
Lemma handles_set_batch tk n k : Handles tk [] k -> Handles tk [] (set_batch n k).
Proof. apply handles_same. constructor; auto. Qed.

Lemma handles_begin_iteration tk k : Handles tk [] k -> Handles tk [] (fst (begin_iteration k)).
Proof.
  intro H. unfold begin_iteration. pose proof (handles_set_iteration tk (S (iteration k)) k H) as H1.
  set (k1 := set_iteration _ k) in *.
  destruct (ready k1), (stopping k1), (next_deadline k1); simpl;
    try (destruct (time_ltb _ _)); simpl;
    auto using handles_set_batch, handles_collect, handles_set_now.
Qed.

Lemma handles_slip tk k : Handles tk [] k -> Handles tk [] (fst (slip k)).
Proof.
  intro H. unfold slip. destruct (next_deadline k); auto. destruct (time_ltb _ _); simpl; auto.
  apply handles_collect, handles_set_now; auto.
Qed.

Lemma handles_take i k k' h : Handles None [] k -> take i k = Some (k', h) -> Handles (Some h) [] k'.
Proof.
  intros H E. unfold take in E. destruct (nth_error (ready k) i) as [g|] eqn:N; [|discriminate].
  injection E as <- ->. destruct (remove_nth_split _ _ _ _ N) as (a & b & R1 & R2 & _).
  assert (P : Permutation (ready k) (h :: a ++ b)) by (rewrite R1; symmetry; apply Permutation_middle).
  assert (PI : forall g, In g (h :: a ++ b) -> In g (ready k))
    by (intros g I; eapply Permutation_in; [symmetry; exact P|auto]).
  destruct H. constructor; simpl in *; auto; rewrite ?R2.
  - eapply Permutation_NoDup; eauto.
  - intros t I. apply h_known. apply PI; auto.
  - intros t x F. rewrite (h_queued _ _ F). split; intro I.
    + eapply Permutation_in in I; [|exact P]. exact I.
    + apply PI; auto.
  - intros c I. apply h_call, PI; auto.
Qed.

(** ** Tasks *)

Lemma handles_future_new tk rule k : Handles tk [] k -> Handles tk [] (fst (future_new rule k)).
Proof.
  intros H. destruct H. constructor; simpl; auto.
  - intros f y E. destruct (f =? next_future k) eqn:B; [apply Nat.eqb_eq in B; lia|].
    apply h_fresh_future in E. lia.
  - intros f y c E I. destruct (f =? next_future k); [injection E as <-; destruct I|].
    eapply h_on_done; eauto.
  - intros f y E. destruct (f =? next_future k); [injection E as <-; constructor|eauto].
  - intros f g y z c E F I J.
    destruct (f =? next_future k); [injection E as <-; destruct I|].
    destruct (g =? next_future k); [injection F as <-; destruct J|]. eauto.
Qed.

Lemma handles_spawn tk k : Handles tk [] k -> Handles tk [] (fst (spawn k)).
Proof.
  intro H. unfold spawn. pose proof (handles_future_new tk (OfTask (next_task k)) k H) as H1.
  destruct (future_new (OfTask (next_task k)) k) as [k1 f] eqn:E. simpl in *.
  apply handles_wake.
  assert (NT : next_task k1 = next_task k) by (injection E as <- _; auto).
  destruct H1. constructor; simpl; auto.
  - intros t x F. destruct (t =? next_task k) eqn:B; [apply Nat.eqb_eq in B; lia|].
    apply h_fresh_task in F. lia.
  - intros t I. apply h_known in I. lia.
  - intros t x F. destruct (t =? next_task k) eqn:B; [|eauto]. injection F as <-. simpl.
    apply Nat.eqb_eq in B. split; [discriminate|]. intro I. apply h_known in I. lia.
Qed.

Lemma handles_begin_step t k : Handles (Some (Step t)) [] k -> Handles None [] (fst (begin_step t k)).
Proof.
  intro H. unfold begin_step, find_task. destruct (find t (tasks k)) as [x|] eqn:E; simpl.
  2:{ eapply handles_begun; eauto. intros u x Q F. injection Q as ->. congruence. }
  assert (G : forall g, t_queued (g x) = false -> Handles None [] (in_task t g k)).
  { intros g Q. pose proof (h_once _ _ _ H) as N. simpl in N. inversion N as [|? ? N1 N2]; subst.
    destruct H. constructor; simpl in *; auto.
    - intros u y F. rewrite find_update in F. destruct (Nat.eqb_spec t u); subst; eauto.
    - intros u y F. rewrite find_update in F. destruct (Nat.eqb_spec t u).
      + subst. rewrite E in F. injection F as <-. rewrite Q. split; [discriminate|contradiction].
      + rewrite (h_queued _ _ F). split; auto. intros [Z|I]; auto. congruence.
    - intros c I. apply h_call. auto. }
  destruct (t_ended x); simpl; [apply G; auto|].
  destruct (t_aborted x || _); simpl; [|apply G; auto].
  destruct (is_some (t_must_cancel x)); [eapply handles_same; [apply same_note|]|]; apply G; auto.
Qed.

Lemma handles_poll tk t on since k : Handles tk [] k -> Handles tk [] (fst (poll_await t on since k)).
Proof.
  intro H. unfold poll_await. destruct (find_task t k) as [x|]; auto.
  assert (G : forall g k, (forall x, t_queued (g x) = t_queued x) -> Handles tk [] k -> Handles tk [] (in_task t g k)).
  { intros g k0 Q H0. eapply handles_same; [apply same_in_task|]; auto. }
  assert (C : forall b, Handles tk [] (if b : bool then in_task t (set_told_taken true) k else k))
    by (intros []; auto).
  destruct since; simpl.
  - destruct (n <? t_step x); [destruct (t_told x)|]; simpl; auto.
    destruct (match on with Some f => _ | None => _ end); simpl; auto.
  - destruct (match on with Some f => _ | None => _ end); simpl; auto. destruct on as [f|].
    + eapply handles_same; [apply same_in_future|]; auto. intro y. simpl. rewrite calls_of_app. simpl.
      apply app_nil_r.
    + apply handles_wake; auto.
Qed.

Lemma handles_remove_wake tk f t k : Handles tk [] k -> Handles tk [] (remove_wake f t k).
Proof. apply handles_same, same_in_future. intro. simpl. apply calls_of_remove_wake. Qed.

Lemma handles_end_await tk t on since k : Handles tk [] k -> Handles tk [] (end_await t on since k).
Proof.
  intro H. unfold end_await. destruct (find_task t k) as [x|]; auto.
  destruct (existsb _ _); auto.
  assert (G : forall l, Handles tk [] (in_task t (set_awaits l) k))
    by (intro; eapply handles_same; [apply same_in_task|]; auto).
  destruct (_ && _); [apply handles_wake|]; destruct on; auto using handles_remove_wake.
Qed.

Lemma handles_end_step tk t e k : Handles tk [] k -> Handles tk [] (end_step t e k).
Proof.
  intro H. unfold end_step, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  set (k1 := if t_told_taken x then _ else k).
  assert (H1 : Handles tk [] k1) by (unfold k1; destruct (t_told_taken x); auto; eapply handles_same; [apply same_note|auto]).
  assert (E1 : find t (tasks k1) = Some x) by (unfold k1; destruct (t_told_taken x); auto).
  assert (G : forall g, t_queued (g x) = t_queued x -> Handles tk [] (in_task t g k1)).
  { intros g Q. eapply handles_same; [|exact H1]. constructor; simpl; auto. intro u. rewrite find_update.
    destruct (Nat.eqb_spec t u); auto. subst. rewrite E1. simpl. congruence. }
  destruct e as [|e].
  - set (k2 := match asked x with Some m => _ | None => _ end).
    assert (H2 : Handles tk [] k2).
    { unfold k2. destruct (asked x); [apply handles_tell; [intros; apply handles_cancel_future; auto|]|]; apply G; auto. }
    destruct (t_aborted x); auto. apply handles_wake; auto.
  - destruct (outcome e (asked x)) as [[s m] once]. apply handles_settle.
    set (g := fun _ : task => _).
    assert (H2 : Handles tk [] (in_task t g k1)) by (apply G; auto).
    revert H2. generalize (in_task t g k1). induction (awaited x) as [|f l IH]; simpl; auto.
    intros k2 H2. apply IH, handles_remove_wake; auto.
Qed.

Lemma handles_task_release tk t k : Handles tk [] k -> Handles tk [] (task_release t k).
Proof.
  intro H. unfold task_release, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  apply handles_release. destruct H. constructor; simpl; auto; intros u y F;
    rewrite find_remove in F; destruct (t =? u); try discriminate; eauto.
Qed.

Lemma handles_abort tk t k : Handles tk [] k -> Handles tk [] (fst (abort t k)).
Proof.
  intro H. unfold abort. destruct (find_task t k) as [x|]; auto. destruct (t_ended x); simpl; auto.
  assert (H1 : Handles tk [] (in_task t set_aborted k)) by (eapply handles_same; [apply same_in_task|]; auto).
  destruct (t_running x); auto. apply handles_wake; auto.
Qed.

Lemma handles_uncancel tk t k : Handles tk [] k -> Handles tk [] (fst (uncancel t k)).
Proof.
  intro H. unfold uncancel. destruct (find_task t k) as [x|]; auto. destruct (t_cancels x); simpl; auto.
  assert (G : forall g k, (forall x, t_queued (g x) = t_queued x) -> Handles tk [] k -> Handles tk [] (in_task t g k)).
  { intros g k0 Q H0. eapply handles_same; [apply same_in_task|]; auto. }
  destruct (n =? 0); auto.
Qed.

Lemma handles_take_message tk f k : Handles tk [] k -> Handles tk [] (fst (take_message f k)).
Proof.
  intro H. unfold take_message. destruct (find_future f k) as [y|]; simpl; auto.
  destruct (f_message_once y); auto. eapply handles_same; [apply same_in_future|]; auto.
Qed.

(** ** Every operation *)

Theorem handles_apply m o m' a :
  apply m o = Some (m', a) -> Handles (taken m) [] (kern m) -> Handles (taken m') [] (kern m').
Proof.
  destruct m as [k tk rn]. intros A H. simpl in H.
  assert (W : forall b r, when b r = Some (m', a) -> b = true /\ r = Some (m', a))
    by (unfold when; intros [] r Q; [auto|discriminate]).
  assert (D : forall (c : kernel * answer), same (Machine k tk rn) c = Some (m', a) ->
    Handles tk [] (fst c) -> Handles (taken m') [] (kern m')).
  { intros c Q Hc. unfold same in Q. injection Q as <- _. auto. }
  destruct o; cbn [apply kern taken running] in A; try (apply W in A as [B A]);
    try (match type of A with plain _ _ = _ => idtac | with_bool _ _ = _ => idtac end;
         eapply D; [exact A|]); cbn [fst snd].
  - pose proof (handles_begin_iteration tk k H). destruct (begin_iteration k). eapply D; eauto.
  - apply handles_set_iteration; auto.
  - apply handles_slip; auto.
  - apply handles_set_now; auto.
  - eapply handles_same; [|exact H]. constructor; auto.
  - destruct (take index k) as [[k' h]|] eqn:T; [|discriminate]. injection A as <- _. simpl.
    assert (N : tk = None) by (unfold at_rest in B; simpl in B; destruct tk; [discriminate|auto]).
    subst tk. eapply handles_take; eauto.
  - pose proof (handles_spawn tk k H). destruct (spawn k) as [? [? ?]]. eapply D; eauto.
  - apply handles_wake; auto.
  - unfold is_taken in B. simpl in B. destruct tk as [[u|c]|]; simpl in B; try discriminate.
    apply Nat.eqb_eq in B. subst u. pose proof (handles_begin_step t k H).
    destruct (begin_step t k). injection A as <- _. auto.
  - injection A as <- _. simpl. apply handles_end_step; auto.
  - pose proof (handles_poll tk t on since k H). destruct (poll_await t on since k) as [? [? ?]]. eapply D; eauto.
  - apply handles_end_await; auto.
  - apply handles_abort; auto.
  - pose proof (handles_uncancel tk t k H). destruct (uncancel t k). eapply D; eauto.
  - eapply handles_same; [apply same_in_task|]; auto.
  - apply handles_cancel_task; auto. intros. apply handles_cancel_future; auto.
  - apply handles_task_release; auto.
  - pose proof (handles_future_new tk rule k H). destruct (future_new rule k). eapply D; eauto.
  - pose proof (handles_release tk f k H). destruct (future_release f k). eapply D; eauto.
  - apply handles_settle; auto.
  - apply handles_cancel_future; auto.
  - pose proof (handles_on_done tk f k H). destruct (on_done f k). eapply D; eauto.
  - apply handles_remove_on_done; auto.
  - apply handles_observe; auto.
  - eapply D; [exact A|]. eapply handles_same; [|exact H]. constructor; auto.
  - pose proof (handles_take_message tk f k H). destruct (take_message f k). eapply D; eauto.
  - pose proof (handles_call_soon tk [] a0 k H). destruct (call_soon a0 k). eapply D; eauto.
  - pose proof (handles_arm tk [] d a0 k H). destruct (arm d a0 k). eapply D; eauto.
  - apply handles_cancel_call; auto.
  - unfold is_taken in B. simpl in B. destruct tk as [[u|d]|]; simpl in B; try discriminate.
    apply Nat.eqb_eq in B. subst d. pose proof (handles_begin_call c k H).
    destruct (begin_call c k). injection A as <- _. auto.
Qed.
