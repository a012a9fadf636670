(** No wake-up is lost: a task is in the callback list of every pending future that it awaits, as
    often as it awaits it, and in no other. And a task ends exactly when its future is done. *)
From Coq Require Import List Arith NArith Lia Bool Permutation.
From Seedloop.Spec Require Import Map Kernel Machine.
From Seedloop.Thm Require Import Lists.
Import ListNotations.

Definition task_view (x : task) := (t_future x, t_ended x, t_awaits x).
Definition future_view (y : future) := (f_state y, f_callbacks y, f_on_cancel y).

(** What [Waits] looks at. *)
Record same_waits (k k' : kernel) : Prop := {
  sw_tasks : forall t, option_map task_view (find t (tasks k')) = option_map task_view (find t (tasks k));
  sw_futures : forall f,
    option_map future_view (find f (futures k')) = option_map future_view (find f (futures k));
  sw_next_task : next_task k' = next_task k;
  sw_next_future : next_future k' = next_future k;
  sw_calls : forall c x, find c (calls k') = Some x ->
    exists z, find c (calls k) = Some z /\ c_action z = c_action x }.

Lemma view_some A B (g : A -> B) o o' x :
  option_map g o' = option_map g o -> o' = Some x -> exists y, o = Some y /\ g y = g x.
Proof. intros E ->. destruct o; simpl in E; [|discriminate]. injection E; eauto. Qed.

Lemma waits_view t f k k' : (forall t, option_map task_view (find t (tasks k')) = option_map task_view (find t (tasks k))) ->
  waits t f k' = waits t f k.
Proof.
  intro S. specialize (S t). unfold waits, awaited.
  destruct (find t (tasks k')), (find t (tasks k)); simpl in S; try discriminate; auto.
  injection S as _ _ ->. auto.
Qed.

Lemma plain_view f k k' :
  option_map future_view (find f (futures k')) = option_map future_view (find f (futures k)) ->
  is_plain f k' = is_plain f k.
Proof.
  unfold is_plain, find_future. destruct (find f (futures k')), (find f (futures k)); simpl;
    intro E; try discriminate; auto. injection E as _ _ ->. auto.
Qed.

Lemma waits_same e k k' : same_waits k k' -> Waits e k -> Waits e k'.
Proof.
  intros [T F NT NF C] H.
  assert (VT : forall t x', find t (tasks k') = Some x' -> exists x, find t (tasks k) = Some x /\
    t_future x = t_future x' /\ t_ended x = t_ended x' /\ t_awaits x = t_awaits x').
  { intros t x' E. destruct (view_some _ _ _ _ _ _ (T t) E) as (x & E' & Q). injection Q; eauto. }
  assert (VT' : forall t x, find t (tasks k) = Some x -> exists x', find t (tasks k') = Some x' /\
    t_future x' = t_future x /\ t_ended x' = t_ended x /\ t_awaits x' = t_awaits x).
  { intros t x' E. destruct (view_some _ _ _ _ _ _ (eq_sym (T t)) E) as (x & E' & Q). injection Q; eauto. }
  assert (VF : forall f y', find f (futures k') = Some y' -> exists y, find f (futures k) = Some y /\
    f_state y = f_state y' /\ f_callbacks y = f_callbacks y' /\ f_on_cancel y = f_on_cancel y').
  { intros f y' E. destruct (view_some _ _ _ _ _ _ (F f) E) as (y & E' & Q). injection Q; eauto. }
  assert (VF' : forall f y, find f (futures k) = Some y -> exists y', find f (futures k') = Some y' /\
    f_state y' = f_state y /\ f_callbacks y' = f_callbacks y /\ f_on_cancel y' = f_on_cancel y).
  { intros f y' E. destruct (view_some _ _ _ _ _ _ (eq_sym (F f)) E) as (y & E' & Q). injection Q; eauto. }
  destruct H. constructor; rewrite ?NT, ?NF.
  - intros t x E. destruct (VT _ _ E) as (? & ? & _). eauto.
  - intros f y E. destruct (VF _ _ E) as (? & ? & _). eauto.
  - intros f y E P. destruct (VF _ _ E) as (? & ? & Q1 & <- & _). rewrite <- Q1 in P. eauto.
  - intros t f y E P. destruct (VF _ _ E) as (? & ? & Q1 & <- & _). rewrite <- Q1 in P.
    rewrite (waits_view _ _ _ _ T). eauto.
  - intros t x E P. destruct (VT _ _ E) as (? & ? & _ & Q1 & <-). rewrite <- Q1 in P. eauto.
  - intros t x f E I. destruct (VT _ _ E) as (? & ? & _ & _ & Q). unfold awaited in *.
    rewrite <- Q in I. eauto.
  - intros t x E. destruct (VT _ _ E) as (z & Ez & <- & <- & _).
    destruct (w_future _ _ Ez) as (y & Ey & P1 & P2 & P3).
    destruct (VF' _ _ Ey) as (y' & Ey' & Q1 & _ & Q2). exists y'. rewrite Q1, Q2. auto.
  - intros f y t E P. destruct (VF _ _ E) as (z & Ez & _ & _ & Q). rewrite <- Q in P.
    destruct (w_task _ _ _ Ez P) as (x & Ex & <-). destruct (VT' _ _ Ex) as (x' & ? & ? & _). eauto.
  - intros f y gs E P. destruct (VF _ _ E) as (z & Ez & _ & _ & Q). rewrite <- Q in P. eauto.
  - intros c x f E P. destruct (C _ _ E) as (z & Ez & Q). rewrite <- Q in P.
    destruct (w_resolve _ _ _ Ez P). split; auto. rewrite (plain_view f k k'); auto.
Qed.

(** ** What changes nothing here *)

Lemma sw_refl k : same_waits k k.
Proof. constructor; auto. eauto. Qed.
Lemma sw_trans a b c : same_waits a b -> same_waits b c -> same_waits a c.
Proof.
  intros [A1 A2 A3 A4 A5] [B1 B2 B3 B4 B5].
  constructor; [intro; etransitivity; eauto|intro; etransitivity; eauto|congruence|congruence|].
  - intros d x E. destruct (B5 _ _ E) as (z & E' & <-). eauto.
Qed.
Lemma sw_in_task t g k : (forall x, task_view (g x) = task_view x) -> same_waits k (in_task t g k).
Proof.
  intro Q. constructor; simpl; eauto. intro u. rewrite find_update. destruct (t =? u); auto.
  destruct (find u (tasks k)); simpl; auto. rewrite Q; auto.
Qed.
Lemma sw_in_future f g k : (forall y, future_view (g y) = future_view y) -> same_waits k (in_future f g k).
Proof.
  intro Q. constructor; simpl; eauto. intro u. rewrite find_update. destruct (f =? u); auto.
  destruct (find u (futures k)); simpl; auto. rewrite Q; auto.
Qed.
Lemma sw_in_call c g k : (forall x, c_action (g x) = c_action x) -> same_waits k (in_call c g k).
Proof.
  intro Q. constructor; simpl; auto. intros d x E. rewrite find_update in E. destruct (c =? d); eauto.
  destruct (find d (calls k)) as [z|]; simpl in E; [|discriminate]. injection E as <-.
  exists z. rewrite Q; auto.
Qed.
Lemma sw_note e k : same_waits k (note e k).
Proof. constructor; simpl; eauto. Qed.
Lemma sw_push h k : same_waits k (push h k).
Proof. constructor; simpl; eauto. Qed.
Lemma sw_wake t k : same_waits k (fst (wake t k)).
Proof.
  unfold wake. destruct (find_task t k); [|apply sw_refl]. destruct (_ || _); [apply sw_refl|].
  eapply sw_trans; [apply sw_in_task|apply sw_push]. auto.
Qed.
Lemma sw_queue_call c k : same_waits k (queue_call c k).
Proof. eapply sw_trans; [apply sw_in_call|apply sw_push]. auto. Qed.
Lemma sw_run cbs : forall k, same_waits k (fold_left run_callback cbs k).
Proof.
  induction cbs as [|[t|c] cbs IH]; simpl; intro k; [apply sw_refl| |];
    (eapply sw_trans; [|apply IH]); [apply sw_wake|apply sw_queue_call].
Qed.
Lemma sw_forget l k : same_waits k (set_calls (fold_left (fun l c => remove c l) l (calls k)) k).
Proof.
  constructor; simpl; auto. intros c x E. rewrite find_removes in E.
  destruct (existsb _ _); [discriminate|eauto].
Qed.
Lemma sw_fields k k' : tasks k' = tasks k -> futures k' = futures k -> calls k' = calls k ->
  next_task k' = next_task k -> next_future k' = next_future k -> same_waits k k'.
Proof. intros T F C NT NF. constructor; rewrite ?T, ?F, ?C; eauto. Qed.
Lemma sw_fire l : forall k, same_waits k (fold_left fire l k).
Proof.
  induction l as [|w l IH]; simpl; intro k; [apply sw_refl|]. eapply sw_trans; [|apply IH].
  unfold fire. eapply sw_trans; [apply sw_note|apply sw_queue_call].
Qed.
Lemma sw_collect k : same_waits k (collect_due k).
Proof.
  unfold collect_due. destruct (due _ _). eapply sw_trans; [|apply sw_fire]. apply sw_fields; auto.
Qed.
Lemma sw_begin_iteration k : same_waits k (fst (begin_iteration k)).
Proof.
  unfold begin_iteration. set (k1 := set_iteration _ k).
  assert (S : same_waits k k1) by (apply sw_fields; auto).
  assert (B : forall n k2, same_waits k2 (set_batch n k2)) by (intros; apply sw_fields; auto).
  assert (C : forall k2, same_waits k1 k2 -> same_waits k (set_batch (length (ready (collect_due k2))) (collect_due k2))).
  { intros k2 Q. eapply sw_trans; [exact S|]. eapply sw_trans; [exact Q|].
    eapply sw_trans; [apply sw_collect|apply B]. }
  destruct (ready k1), (stopping k1), (next_deadline k1); simpl; try (destruct (time_ltb _ _)); simpl;
    try (apply C; try apply sw_refl; apply sw_fields; auto); auto.
Qed.
Lemma sw_slip k : same_waits k (fst (slip k)).
Proof.
  unfold slip. destruct (next_deadline k); [|apply sw_refl]. destruct (time_ltb _ _); [|apply sw_refl].
  simpl. eapply sw_trans; [|apply sw_collect]. apply sw_fields; auto.
Qed.
Lemma sw_cancel_call c k : same_waits k (fst (cancel_call c k)).
Proof.
  unfold cancel_call. destruct (find c (calls k)) as [x|]; [|apply sw_refl].
  destruct (c_place x); try apply sw_refl; simpl.
  - match goal with |- same_waits _ (set_calls _ ?k1) =>
      apply (sw_trans k k1); [apply sw_fields; auto|apply (sw_forget [c] k1)] end.
  - apply sw_in_call. auto.
Qed.
Lemma sw_take i k k' h : take i k = Some (k', h) -> same_waits k k'.
Proof.
  unfold take. destruct (nth_error _ _); [|discriminate]. injection 1 as <- _. apply sw_fields; auto.
Qed.
Lemma sw_begin_step t k : same_waits k (fst (begin_step t k)).
Proof.
  unfold begin_step, find_task. destruct (find t (tasks k)) as [x|] eqn:E; [|apply sw_refl].
  destruct (t_ended x) eqn:Z; [apply sw_in_task; auto|].
  assert (G : forall g, task_view (g x) = task_view x -> same_waits k (in_task t g k)).
  { intros g Q. constructor; simpl; eauto. intro u. rewrite find_update.
    destruct (Nat.eqb_spec t u); auto. subst. rewrite E. simpl. congruence. }
  assert (G' : forall m a b c d, same_waits k (in_task t (fun _ => Task (t_future x) a false true false m (t_awaits x) b c d (t_cancels x)) k)).
  { intros. apply G. unfold task_view. simpl. rewrite Z. auto. }
  destruct (t_aborted x || _); simpl; [|apply G'].
  destruct (is_some (t_must_cancel x)); [eapply sw_trans; [|apply sw_note]|]; apply G'.
Qed.
Lemma sw_abort t k : same_waits k (fst (abort t k)).
Proof.
  unfold abort. destruct (find_task t k) as [x|]; [|apply sw_refl]. destruct (t_ended x); [apply sw_refl|].
  simpl. destruct (t_running x); [|eapply sw_trans; [|apply sw_wake]]; apply sw_in_task; auto.
Qed.
Lemma sw_uncancel t k : same_waits k (fst (uncancel t k)).
Proof.
  unfold uncancel. destruct (find_task t k) as [x|]; [|apply sw_refl].
  destruct (t_cancels x); [apply sw_refl|]. simpl.
  destruct (n =? 0); [eapply sw_trans; [apply sw_in_task|]|]; try apply sw_in_task; auto.
Qed.
Lemma sw_take_message f k : same_waits k (fst (take_message f k)).
Proof.
  unfold take_message. destruct (find_future f k) as [y|]; [|apply sw_refl]. simpl.
  destruct (f_message_once y); [apply sw_in_future; auto|apply sw_refl].
Qed.

(** ** A future is settled *)

(** The rest of the settling, once the callbacks are taken off. *)
Lemma waits_settled e e' f y s m once k :
  Waits e k -> find f (futures k) = Some y -> s <> Pending ->
  (forall t, e = Some t -> e' = Some t \/ f_on_cancel y = OfTask t) ->
  (forall t x, f_on_cancel y = OfTask t -> find t (tasks k) = Some x -> t_ended x = true) ->
  Waits e' (in_future f (fun _ => Future s [] (f_on_cancel y) (f_cancel_requested y) m once (f_observed y)) k).
Proof.
  intros H E S EE OT. set (y' := Future s [] _ _ _ _ _).
  assert (FF : forall g z, find g (futures (in_future f (fun _ => y') k)) = Some z ->
    (g = f /\ z = y') \/ (g <> f /\ find g (futures k) = Some z)).
  { intros g z F. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec f g); auto.
    subst. rewrite E in F. simpl in F. injection F as <-. auto. }
  destruct H. constructor; auto.
  - intros g z F. destruct (FF _ _ F) as [[-> ->]|[_ F']]; eauto.
  - intros g z F P. destruct (FF _ _ F) as [[-> ->]|[_ F']]; eauto.
  - intros t g z F P. destruct (FF _ _ F) as [[-> ->]|[_ F']]; [contradiction|].
    change (waits t g (in_future f (fun _ => y') k)) with (waits t g k). eauto.
  - intros t x F. simpl in F. destruct (w_future _ _ F) as (z & Ez & Q1 & Q2 & Q3). simpl.
    rewrite find_update. destruct (Nat.eqb_spec f (t_future x)) as [->|N].
    + rewrite Ez. simpl. exists y'. simpl. rewrite E in Ez. injection Ez as <-.
      rewrite Q1. repeat split; auto; intro P.
      * rewrite (OT _ _ Q1 F) in P. discriminate.
      * contradiction.
    + exists z. repeat split; auto. intros P P'. destruct (EE t (Q3 P P')) as [Q|Q]; auto.
      destruct (w_task _ _ _ E Q) as (x' & F' & Z). congruence.
  - intros g z t F P. destruct (FF _ _ F) as [[-> ->]|[_ F']]; eauto.
  - intros g z gs F P. destruct (FF _ _ F) as [[-> ->]|[_ F']]; eauto.
  - intros c x g F P. destruct (w_resolve _ _ _ F P) as [A B]. split; auto. revert B.
    unfold is_plain, find_future. simpl. rewrite find_update. destruct (Nat.eqb_spec f g); auto.
    subst. rewrite E. simpl. auto.
Qed.

Lemma waits_settle e e' f s m once k :
  Waits e k -> s <> Pending ->
  (forall t, e = Some t -> e' = Some t \/
     exists y, find f (futures k) = Some y /\ f_on_cancel y = OfTask t /\ f_state y = Pending) ->
  (forall y t x, find f (futures k) = Some y -> f_on_cancel y = OfTask t ->
     find t (tasks k) = Some x -> t_ended x = true) ->
  Waits e' (fst (settle f s m once k)).
Proof.
  intros H S EE OT.
  assert (K : (forall y, find f (futures k) = Some y -> f_state y <> Pending) -> Waits e' k).
  { intro N. destruct H. constructor; auto.
    intros t x F. destruct (w_future _ _ F) as (z & Ez & Q1 & Q2 & Q3). exists z.
    repeat split; auto. intros P P'. destruct (EE t (Q3 P P')) as [Q|(y & Ey & _ & Q)]; auto.
    exfalso. eapply N; eauto. }
  unfold settle, find_future. destruct (find f (futures k)) as [y|] eqn:E; [|apply K; discriminate].
  destruct (is_pending (f_state y)) eqn:P; simpl.
  - set (g := fun _ : future => _).
    assert (W : Waits e' (in_future f g k)).
    { eapply waits_settled; eauto. intros t Q. destruct (EE t Q) as [|(y' & Ey & Q' & _)]; auto.
      right. congruence. }
    destruct (f_observed y);
      (eapply waits_same; [|exact W]; eapply sw_trans; [|apply sw_run]; apply sw_fields; auto).
  - apply K. intros z Ez. injection Ez as <-. destruct (f_state y); discriminate.
Qed.

(** A future that is no task's. *)
Lemma waits_settle_plain e f s m once k :
  Waits e k -> s <> Pending -> is_plain f k = true -> Waits e (fst (settle f s m once k)).
Proof.
  intros H S P. eapply waits_settle; eauto. intros y t x E Q. unfold is_plain, find_future in P.
  rewrite E, Q in P. discriminate.
Qed.

(** ** Cancellation *)

Section Cancel.
Variable cf : list task_id -> message -> kernel -> future_id -> kernel * bool.
Hypothesis IH : forall path m k f, Waits None k -> Waits None (fst (cf path m k f)).

Lemma waits_refuse path m l : forall c, Waits None (fst c) ->
  Waits None (fst (fold_left (refuse_or cf path m) l c)).
Proof.
  induction l as [|on l IHl]; simpl; auto. intros [k b] H. apply IHl. unfold refuse_or.
  destruct on as [f|]; auto. destruct (cf path m k f) eqn:E. simpl.
  specialize (IH path m k f H). rewrite E in IH. auto.
Qed.
Lemma waits_any path m l : forall c, Waits None (fst c) ->
  Waits None (fst (fold_left (any_or cf path m) l c)).
Proof.
  induction l as [|f l IHl]; simpl; auto. intros [k b] H. apply IHl. unfold any_or.
  destruct (cf path m k f) eqn:E. simpl. specialize (IH path m k f H). rewrite E in IH. auto.
Qed.
Lemma waits_tell path m t k : Waits None k -> Waits None (tell_with cf path m t k).
Proof.
  intro H. unfold tell_with. destruct (find_task t k) as [x|]; auto.
  set (l := map a_on (t_awaits x)). set (b := match t_awaits x with [] => true | _ => false end).
  pose proof (waits_refuse (t :: path) m l (k, b) H) as H1.
  destruct (fold_left _ l (k, b)) as [k1 refused]. simpl in H1. destruct refused; auto.
  destruct (awaits_closing x k1); (eapply waits_same; [|exact H1]);
    [|eapply sw_trans; [|apply sw_wake]]; apply sw_in_task; auto.
Qed.
Lemma waits_cancel_task path m t k : Waits None k -> Waits None (fst (cancel_task_with cf path m t k)).
Proof.
  intro H. unfold cancel_task_with. destruct (find_task t k) as [x|]; auto.
  destruct (_ || _); auto.
  set (k1 := note _ _).
  assert (H1 : Waits None k1)
    by (eapply waits_same; [|exact H]; eapply sw_trans; [apply sw_in_task|apply sw_note]; auto).
  destruct (t_running x); simpl; [|apply waits_tell; auto].
  eapply waits_same; [apply sw_in_task|]; auto.
Qed.
End Cancel.

Lemma waits_cancel_future fuel : forall path m k f,
  Waits None k -> Waits None (fst (cancel_future fuel path m k f)).
Proof.
  induction fuel as [|fuel IH]; simpl; auto. intros path m k f H.
  destruct (find_future f k) as [y|] eqn:E; auto.
  destruct (f_state y) eqn:S; auto. destruct (f_on_cancel y) eqn:O.
  - apply waits_settle_plain; auto; [discriminate|]. unfold is_plain. rewrite E, O. auto.
  - apply waits_cancel_task; auto.
  - pose proof (waits_any _ IH path m fs (k, false) H) as H1.
    destruct (fold_left _ fs (k, false)) as [k1 any]. simpl in *. destruct any; auto.
    eapply waits_same; [apply sw_in_future|]; auto.
Qed.

(** ** Futures and calls come and go *)

Lemma waits_future_new rule k : Waits None k -> older rule k = true ->
  Waits None (fst (future_new rule k)).
Proof.
  intros H O. destruct H. constructor; simpl; auto.
  - intros f y E. destruct (Nat.eqb_spec f (next_future k)); [lia|]. apply w_fresh_future in E. lia.
  - intros f y E P. destruct (Nat.eqb_spec f (next_future k)); [injection E as <-; auto|eauto].
  - intros t f y E P. unfold waits. simpl. destruct (Nat.eqb_spec f (next_future k)).
    + injection E as <-. simpl. destruct (find t (tasks k)) as [x|] eqn:F; auto. symmetry.
      apply Nat.le_antisymm; [|lia]. apply Nat.nlt_ge. intro Q. apply count_pos in Q as (g & I & Q).
      apply Nat.eqb_eq in Q. subst g. pose proof (w_known _ _ _ F I). lia.
    + eauto.
  - intros t x f E I. pose proof (w_known _ _ _ E I). lia.
  - intros t x E. destruct (w_future _ _ E) as (y & Ey & Q). exists y.
    destruct (Nat.eqb_spec (t_future x) (next_future k)) as [N|]; auto.
    apply w_fresh_future in Ey. lia.
  - intros f y t E P. destruct (Nat.eqb_spec f (next_future k)); [|eauto]. injection E as <-.
    simpl in P. subst. discriminate.
  - intros f y gs E P. destruct (Nat.eqb_spec f (next_future k)); [|eauto]. injection E as <-.
    simpl in P. subst. simpl in O. intros g I. rewrite forallb_forall in O. apply O in I.
    apply Nat.ltb_lt in I. auto.
  - intros c x f E P. destruct (w_resolve _ _ _ E P) as [A B]. split; [lia|]. revert B.
    unfold is_plain, find_future. simpl. destruct (Nat.eqb_spec f (next_future k)); [lia|auto].
Qed.

Lemma waits_spawn k : Waits None k -> Waits None (fst (spawn k)).
Proof.
  intro H. unfold spawn. destruct (future_new (OfTask (next_task k)) k) as [k1 f] eqn:E.
  simpl. eapply waits_same; [apply sw_wake|]. injection E as <- <-.
  assert (NT : forall f, waits (next_task k) f k = 0).
  { intro f. unfold waits. destruct (find (next_task k) (tasks k)) eqn:F; auto.
    apply (w_fresh_task _ _ H) in F. lia. }
  destruct H. constructor; simpl; auto.
  - intros t x E. destruct (Nat.eqb_spec t (next_task k)); [lia|]. apply w_fresh_task in E. lia.
  - intros f y E. destruct (Nat.eqb_spec f (next_future k)); [lia|]. apply w_fresh_future in E. lia.
  - intros f y E P. destruct (Nat.eqb_spec f (next_future k)); [injection E as <-; auto|eauto].
  - intros t f y E P.
    assert (R : count (is_wake t) (f_callbacks y) = waits t f k).
    { destruct (Nat.eqb_spec f (next_future k)); [|eauto]. injection E as <-. simpl.
      unfold waits. destruct (find t (tasks k)) as [x|] eqn:F; auto. symmetry.
      apply Nat.le_antisymm; [|lia]. apply Nat.nlt_ge. intro Q. apply count_pos in Q as (g & I & Q).
      apply Nat.eqb_eq in Q. subst g. pose proof (w_known _ _ _ F I). lia. }
    rewrite R. unfold waits at 2. simpl. destruct (Nat.eqb_spec t (next_task k)); [|reflexivity].
    subst. rewrite NT. reflexivity.
  - intros t x E P. destruct (t =? next_task k); [injection E as <-; auto|eauto].
  - intros t x f E I. destruct (t =? next_task k); [injection E as <-; destruct I|].
    pose proof (w_known _ _ _ E I). lia.
  - intros t x E. destruct (Nat.eqb_spec t (next_task k)).
    + injection E as <-. simpl. rewrite Nat.eqb_refl. eexists. repeat split; eauto; simpl; [congruence|discriminate].
    + destruct (w_future _ _ E) as (y & Ey & Q). exists y.
      destruct (Nat.eqb_spec (t_future x) (next_future k)) as [N|]; auto.
      apply w_fresh_future in Ey. lia.
  - intros f y t E P. destruct (Nat.eqb_spec f (next_future k)).
    + injection E as <-. simpl in P. injection P as <-. rewrite Nat.eqb_refl. eauto.
    + destruct (w_task _ _ _ E P) as (x & F & Q). exists x.
      destruct (Nat.eqb_spec t (next_task k)); auto. apply w_fresh_task in F. lia.
  - intros f y gs E P. destruct (Nat.eqb_spec f (next_future k)); [|eauto]. injection E as <-. discriminate.
  - intros c x f E P. destruct (w_resolve _ _ _ E P) as [A B]. split; [lia|]. revert B.
    unfold is_plain, find_future. simpl. destruct (Nat.eqb_spec f (next_future k)); [lia|auto].
Qed.

Lemma waits_release f k : Waits None k -> (forall t x, find t (tasks k) = Some x -> t_future x <> f) ->
  Waits None (fst (future_release f k)).
Proof.
  intros H N. unfold future_release, find_future. destruct (find f (futures k)) as [y|] eqn:E; auto.
  simpl. set (k1 := set_futures (remove f (futures k)) k).
  eapply waits_same; [apply (sw_forget (calls_of (f_callbacks y)) k1)|].
  assert (FF : forall g z, find g (remove f (futures k)) = Some z -> g <> f /\ find g (futures k) = Some z).
  { intros g z F. rewrite find_remove in F. destruct (Nat.eqb_spec f g); [discriminate|auto]. }
  destruct H. constructor; simpl; auto; try (intros g z F; destruct (FF _ _ F); eauto; fail).
  - intros t g z F P. destruct (FF _ _ F). change (waits t g k1) with (waits t g k). eauto.
  - intros t x F. destruct (w_future _ _ F) as (z & Ez & Q). exists z. rewrite find_remove.
    destruct (Nat.eqb_spec f (t_future x)); auto. exfalso. eapply N; eauto.
  - intros g z t F P. destruct (FF _ _ F). eauto.
  - intros g z gs F P. destruct (FF _ _ F). eauto.
  - intros c x g F P. destruct (w_resolve _ _ _ F P) as [A B]. split; auto. revert B.
    unfold is_plain, find_future. simpl. rewrite find_remove. destruct (f =? g); auto.
Qed.

Lemma waits_task_release t k : Waits None k -> ended t k = true -> Waits None (task_release t k).
Proof.
  intros H D. unfold task_release, ended in *. destruct (find_task t k) as [x|] eqn:E; auto.
  unfold find_task in E. unfold future_release, find_future. cbn [futures set_tasks].
  destruct (w_future _ _ H _ _ E) as (y & Ey & O & Q1 & Q2). rewrite Ey.
  assert (NP : f_state y <> Pending) by (intro P; specialize (Q2 D P); discriminate).
  pose proof (w_done _ _ H _ _ Ey NP) as C. rewrite C. simpl.
  pose proof (w_ended _ _ H _ _ E D) as A.
  assert (FF : forall g z, find g (remove (t_future x) (futures k)) = Some z ->
    g <> t_future x /\ find g (futures k) = Some z).
  { intros g z F. rewrite find_remove in F. destruct (Nat.eqb_spec (t_future x) g); [discriminate|auto]. }
  assert (TT : forall u z, find u (remove t (tasks k)) = Some z -> u <> t /\ find u (tasks k) = Some z).
  { intros g z F. rewrite find_remove in F. destruct (Nat.eqb_spec t g); [discriminate|auto]. }
  destruct H. constructor; simpl; auto.
  - intros u z F. destruct (TT _ _ F). eauto.
  - intros u z F. destruct (FF _ _ F). eauto.
  - intros u z F. destruct (FF _ _ F). eauto.
  - intros u g z F P. destruct (FF _ _ F). rewrite (w_count u g z); auto. unfold waits. simpl.
    rewrite find_remove. destruct (Nat.eqb_spec t u); auto. subst. rewrite E. unfold awaited. rewrite A. auto.
  - intros u z F. destruct (TT _ _ F). eauto.
  - intros u z g F. destruct (TT _ _ F). eauto.
  - intros u z F. destruct (TT _ _ F) as [N F']. destruct (w_future _ _ F') as (y' & Ey' & P1 & P2).
    exists y'. rewrite find_remove. destruct (Nat.eqb_spec (t_future x) (t_future z)) as [Q|]; auto.
    rewrite <- Q in Ey'. congruence.
  - intros g z u F P. destruct (FF _ _ F) as [N F']. destruct (w_task _ _ _ F' P) as (x' & Ex' & Q).
    exists x'. rewrite find_remove. destruct (Nat.eqb_spec t u); auto. subst. congruence.
  - intros g z gs F P. destruct (FF _ _ F). eauto.
  - intros c z g F P. destruct (w_resolve _ _ _ F P) as [B1 B2]. split; auto. revert B2.
    unfold is_plain, find_future. simpl. rewrite find_remove. destruct (t_future x =? g); auto.
Qed.

Definition resolvable (a : action) k : Prop :=
  forall f, a = Resolve f -> f < next_future k /\ is_plain f k = true.

Lemma waits_new_call a p k : Waits None k -> resolvable a k -> Waits None (fst (new_call a p k)).
Proof.
  intros [] R. constructor; simpl; auto. intros c x f E P. destruct (c =? next_call k).
  - injection E as <-. exact (R f P).
  - exact (w_resolve _ _ _ E P).
Qed.
Lemma waits_call_soon a k : Waits None k -> resolvable a k -> Waits None (fst (call_soon a k)).
Proof.
  intros H R. pose proof (waits_new_call a Queued k H R). unfold call_soon.
  destruct (new_call a Queued k). simpl. eapply waits_same; [apply sw_push|auto].
Qed.
Lemma waits_arm d a k : Waits None k -> resolvable a k -> Waits None (fst (arm d a k)).
Proof.
  intros H R. pose proof (waits_new_call a Armed k H R). unfold arm.
  destruct (new_call a Armed k). simpl. eapply waits_same; [apply sw_fields|eauto]; auto.
Qed.

(** A pending future's callbacks change, its wakes do not. *)
Lemma waits_callbacks f g k : Waits None k ->
  (forall y, f_state (g y) = f_state y /\ f_on_cancel (g y) = f_on_cancel y) ->
  (forall y t, find f (futures k) = Some y ->
     (f_state y <> Pending -> f_callbacks y = [] -> f_callbacks (g y) = []) /\
     count (is_wake t) (f_callbacks (g y)) = count (is_wake t) (f_callbacks y)) ->
  Waits None (in_future f g k).
Proof.
  intros H G C.
  assert (FF : forall u z, find u (futures (in_future f g k)) = Some z -> exists y,
    find u (futures k) = Some y /\ (z = y \/ (u = f /\ z = g y))).
  { intros u z F. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec f u); [|eauto].
    subst. destruct (find u (futures k)); simpl in F; [|discriminate]. injection F as <-. eauto. }
  assert (PV : forall u, is_plain u (in_future f g k) = is_plain u k).
  { intro u. unfold is_plain, find_future. simpl. rewrite find_update. destruct (f =? u); auto.
    destruct (find u (futures k)) as [y|]; simpl; auto. destruct (G y) as [_ ->]. auto. }
  destruct H. constructor; auto.
  - intros u z F. destruct (FF _ _ F) as (y & F' & _). eauto.
  - intros u z F P. destruct (FF _ _ F) as (y & F' & [->|[-> ->]]); eauto.
    destruct (G y) as [Q _]. rewrite Q in P. apply (proj1 (C y 0 F')); auto. eauto.
  - intros t u z F P. change (waits t u (in_future f g k)) with (waits t u k).
    destruct (FF _ _ F) as (y & F' & [->|[-> ->]]); eauto.
    destruct (G y) as [Q _]. rewrite Q in P. rewrite (proj2 (C y t F')). eauto.
  - intros t x F. destruct (w_future _ _ F) as (y & Ey & Q). simpl. rewrite find_update.
    destruct (f =? t_future x); [|eauto]. rewrite Ey. simpl. exists (g y). destruct (G y) as [-> ->]. auto.
  - intros u z t F P. destruct (FF _ _ F) as (y & F' & [->|[-> ->]]); eauto.
    destruct (G y) as [_ Q]. rewrite Q in P. eauto.
  - intros u z gs F P. destruct (FF _ _ F) as (y & F' & [->|[-> ->]]); eauto.
    destruct (G y) as [_ Q]. rewrite Q in P. eauto.
  - intros c x u F P. rewrite PV. eauto.
Qed.

Lemma waits_on_done f k : Waits None k -> Waits None (fst (on_done f k)).
Proof.
  intro H. assert (R : resolvable Closure k) by (intros g Q; discriminate). unfold on_done.
  destruct (is_done f k) eqn:D; [apply waits_call_soon; auto|].
  pose proof (waits_new_call Closure OnDone k H R) as N.
  assert (FE : futures (fst (new_call Closure OnDone k)) = futures k) by auto.
  destruct (new_call Closure OnDone k) as [k1 c]. simpl in *. apply waits_callbacks; auto.
  intros y t E. simpl. rewrite count_app. simpl. split; [|lia]. intros P _. exfalso. apply P.
  unfold is_done, state_of, find_future in D. rewrite <- FE, E in D. destruct (f_state y); auto; discriminate.
Qed.

Lemma waits_remove_on_done f c k : Waits None k -> Waits None (fst (remove_on_done f c k)).
Proof.
  intro H. unfold remove_on_done, find_future. destruct (find f (futures k)) as [y|] eqn:E; auto.
  destruct (existsb _ _) eqn:X; auto. simpl.
  match goal with |- Waits _ (set_calls _ ?k1) =>
    apply (waits_same None k1); [apply (sw_forget [c] k1)|] end.
  apply waits_callbacks; auto. simpl.
  intros z t F. rewrite E in F. injection F as <-. split; [intros _ ->; auto|].
  clear. induction (f_callbacks y) as [|[u|d] l IH]; simpl; auto. destruct (c =? d); simpl; auto.
Qed.

(** ** Awaits *)

(** The awaits of [t] and the callbacks of [f] change together. *)
Lemma waits_move t g f h k : Waits None k ->
  (forall x, t_future (g x) = t_future x /\ t_ended (g x) = t_ended x) ->
  (forall y, f_state (h y) = f_state y /\ f_on_cancel (h y) = f_on_cancel y) ->
  (forall x, find t (tasks k) = Some x ->
    (t_ended x = true -> t_awaits (g x) = []) /\
    (forall u, In u (awaited (g x)) -> u < next_future k) /\
    (forall u, u <> f -> count (Nat.eqb u) (awaited (g x)) = count (Nat.eqb u) (awaited x)) /\
    (forall y, find f (futures k) = Some y -> f_state y = Pending ->
       count (is_wake t) (f_callbacks (h y)) = count (Nat.eqb f) (awaited (g x)))) ->
  (forall y, find f (futures k) = Some y ->
    (f_state y <> Pending -> f_callbacks y = [] -> f_callbacks (h y) = []) /\
    (forall u, u <> t -> count (is_wake u) (f_callbacks (h y)) = count (is_wake u) (f_callbacks y))) ->
  find t (tasks k) <> None ->
  Waits None (in_future f h (in_task t g k)).
Proof.
  intros H G L T F X. destruct (find t (tasks k)) as [x|] eqn:E; [clear X|congruence].
  destruct (T x eq_refl) as (T1 & T2 & T3 & T4). destruct (G x) as [G1 G2].
  assert (TT : forall u z, find u (tasks (in_future f h (in_task t g k))) = Some z ->
    (u = t /\ z = g x) \/ (u <> t /\ find u (tasks k) = Some z)).
  { intros u z Q. simpl in Q. rewrite find_update in Q. destruct (Nat.eqb_spec t u); auto.
    subst. rewrite E in Q. injection Q as <-. auto. }
  assert (FF : forall u z, find u (futures (in_future f h (in_task t g k))) = Some z -> exists y,
    find u (futures k) = Some y /\ ((u <> f /\ z = y) \/ (u = f /\ z = h y))).
  { intros u z Q. simpl in Q. rewrite find_update in Q. destruct (Nat.eqb_spec f u).
    - subst. destruct (find u (futures k)); simpl in Q; [|discriminate]. injection Q as <-. eauto.
    - exists z. split; auto. }
  assert (WW : forall u v, waits u v (in_future f h (in_task t g k)) =
    if t =? u then count (Nat.eqb v) (awaited (g x)) else waits u v k).
  { intros u v. unfold waits. simpl. rewrite find_update. destruct (Nat.eqb_spec t u); auto.
    subst. rewrite E. auto. }
  assert (PV : forall u, is_plain u (in_future f h (in_task t g k)) = is_plain u k).
  { intro u. unfold is_plain, find_future. simpl. rewrite find_update. destruct (f =? u); auto.
    destruct (find u (futures k)) as [y|]; simpl; auto. destruct (L y) as [_ ->]. auto. }
  destruct H. constructor; auto.
  - intros u z Q. destruct (TT _ _ Q) as [[-> _]|[_ Q']]; eauto.
  - intros u z Q. destruct (FF _ _ Q) as (y & Q' & _); eauto.
  - intros u z Q P. destruct (FF _ _ Q) as (y & Q' & [[_ ->]|[-> ->]]); eauto.
    destruct (L y) as [R _]. rewrite R in P. apply (proj1 (F _ Q')); auto. eauto.
  - intros u v z Q P. rewrite WW. destruct (FF _ _ Q) as (y & Q' & [[N ->]|[-> ->]]).
    + rewrite (w_count _ _ _ Q' P). destruct (Nat.eqb_spec t u); auto. subst.
      rewrite T3 by auto. unfold waits. rewrite E. auto.
    + destruct (L y) as [R _]. rewrite R in P. destruct (Nat.eqb_spec t u).
      * subst. apply T4; auto.
      * rewrite (proj2 (F _ Q')) by auto. auto.
  - intros u z Q P. destruct (TT _ _ Q) as [[-> ->]|[_ Q']]; [rewrite G2 in P; auto|eauto].
  - intros u z v Q I. destruct (TT _ _ Q) as [[-> ->]|[_ Q']]; [exact (T2 _ I)|exact (w_known _ _ _ Q' I)].
  - intros u z Q.
    assert (exists z', find u (tasks k) = Some z' /\ t_future z = t_future z' /\ t_ended z = t_ended z')
      as (z' & Q' & -> & ->) by (destruct (TT _ _ Q) as [[-> ->]|[_ Q']]; eauto).
    destruct (w_future _ _ Q') as (y & Ey & R). simpl. rewrite find_update.
    destruct (f =? t_future z'); [|eauto]. rewrite Ey. simpl. exists (h y). destruct (L y) as [-> ->]. auto.
  - intros u z v Q P.
    assert (exists z', find u (futures k) = Some z' /\ f_on_cancel z' = f_on_cancel z) as (z' & Q' & R).
    { destruct (FF _ _ Q) as (y & Q' & [[_ ->]|[_ ->]]); [eauto|]. exists y. destruct (L y) as [_ ->]. auto. }
    rewrite <- R in P. destruct (w_task _ _ _ Q' P) as (x' & Ex' & Z). simpl. rewrite find_update.
    destruct (Nat.eqb_spec t v); [|eauto]. subst v. rewrite E in Ex'. injection Ex' as <-.
    rewrite E. exists (g x). simpl. split; auto. congruence.
  - intros u z gs Q P.
    assert (exists z', find u (futures k) = Some z' /\ f_on_cancel z' = f_on_cancel z) as (z' & Q' & R).
    { destruct (FF _ _ Q) as (y & Q' & [[_ ->]|[_ ->]]); [eauto|]. exists y. destruct (L y) as [_ ->]. auto. }
    rewrite <- R in P. eauto.
  - intros c z u Q P. rewrite PV. eauto.
Qed.

Lemma awaited_app a l : flat_map (fun a => match a_on a with Some f => [f] | None => [] end) (l ++ [a]) =
  flat_map (fun a => match a_on a with Some f => [f] | None => [] end) l ++
  match a_on a with Some f => [f] | None => [] end.
Proof. rewrite flat_map_app. simpl. rewrite app_nil_r. auto. Qed.

Lemma waits_poll t on since k : Waits None k ->
  (forall x, find t (tasks k) = Some x -> t_ended x = false) ->
  Waits None (fst (poll_await t on since k)).
Proof.
  intros H D. unfold poll_await, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  specialize (D x eq_refl).
  assert (C : forall b, Waits None (if b : bool then in_task t (set_told_taken true) k else k))
    by (intros []; auto; eapply waits_same; [apply sw_in_task|]; auto).
  destruct since; simpl.
  { destruct (n <? t_step x); [destruct (t_told x)|]; simpl; auto;
      try (destruct (match on with Some f => _ | None => _ end)); simpl; auto;
      apply (C true). }
  destruct on as [f|].
  - destruct (is_done f k) eqn:Q; simpl; auto.
    assert (exists y, find f (futures k) = Some y /\ f_state y = Pending) as (y & Ey & P).
    { unfold is_done, state_of, find_future in Q. destruct (find f (futures k)) as [y|]; [|discriminate].
      exists y. destruct (f_state y); try discriminate. auto. }
    apply waits_move; auto; try congruence.
    + intros x' E'. rewrite E in E'. injection E' as <-. repeat split.
      * congruence.
      * intros u I. unfold awaited in I. simpl in I. rewrite awaited_app in I. simpl in I.
        apply in_app_iff in I as [I|[<-|[]]]; [exact (w_known _ _ H _ _ _ E I)|exact (w_fresh_future _ _ H _ _ Ey)].
      * intros u N. unfold awaited. simpl. rewrite awaited_app, count_app. simpl.
        destruct (Nat.eqb_spec u f); [contradiction|lia].
      * intros y' Ey' _. rewrite Ey in Ey'. injection Ey' as <-. unfold awaited. simpl.
        rewrite awaited_app, !count_app. simpl. rewrite !Nat.eqb_refl.
        rewrite (w_count _ _ H t f y Ey P). unfold waits. rewrite E. auto.
    + intros y' Ey'. rewrite Ey in Ey'. injection Ey' as <-. simpl. split; [contradiction|].
      intros u N. rewrite count_app. simpl. destruct (Nat.eqb_spec u t); [contradiction|lia].
  - simpl. eapply waits_same; [apply sw_wake|].
    assert (A : awaited (set_awaits (t_awaits x ++ [Await None (t_step x)]) x) = awaited x).
    { unfold awaited. simpl. rewrite awaited_app. simpl. apply app_nil_r. }
    set (g := fun x => set_awaits _ x).
    assert (W : Waits None (in_future (next_future k) (fun y => y) (in_task t g k))).
    { apply waits_move; auto; try congruence.
      - intros x' E'. rewrite E in E'. injection E' as <-. unfold g. rewrite A. repeat split; auto.
        + congruence.
        + intros u I. exact (w_known _ _ H _ _ _ E I).
        + intros y Ey. apply (w_fresh_future _ _ H) in Ey. lia. }
    eapply waits_same; [|exact W]. constructor; simpl; eauto. intro u. rewrite find_update.
    destruct (next_future k =? u); auto. destruct (find u (futures k)); auto.
Qed.

Lemma remove_first_await a l : existsb (same_await a) l = true ->
  forall u, count (Nat.eqb u) (flat_map (fun a => match a_on a with Some f => [f] | None => [] end) (remove_first (same_await a) l)) =
  count (Nat.eqb u) (flat_map (fun a => match a_on a with Some f => [f] | None => [] end) l)
  - (match a_on a with Some f => if u =? f then 1 else 0 | None => 0 end).
Proof.
  intros X u. destruct (remove_first_split _ _ _ X) as (l1 & b & l2 & -> & P & ->).
  rewrite !flat_map_app, !count_app. simpl. rewrite count_app. unfold same_await in P.
  apply andb_true_iff in P as [P _]. destruct (a_on a) as [f|], (a_on b) as [g|]; try discriminate; simpl; [|lia].
  apply Nat.eqb_eq in P. subst. destruct (u =? g); lia.
Qed.

Lemma remove_first_In A (p : A -> bool) l x : In x (remove_first p l) -> In x l.
Proof. induction l as [|y l IH]; simpl; auto. destruct (p y); simpl; auto. intros [->|I]; auto. Qed.

Lemma waits_end_await t on since k : Waits None k -> Waits None (end_await t on since k).
Proof.
  intro H. unfold end_await, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  set (a := Await on since). destruct (existsb (same_await a) (t_awaits x)) eqn:X; auto.
  set (l := remove_first (same_await a) (t_awaits x)).
  assert (ND : t_ended x = true -> l = []).
  { intro D. unfold l. rewrite (w_ended _ _ H _ _ E D). auto. }
  assert (IN : forall u, In u (awaited (set_awaits l x)) -> u < next_future k).
  { intros u I. apply (w_known _ _ H _ _ u E). unfold awaited in *. simpl in I.
    apply in_flat_map in I as (b & I & Q). apply in_flat_map. exists b. split; auto.
    eapply remove_first_In; eauto. }
  pose proof (remove_first_await a _ X) as CN.
  set (k1 := match on with Some f => _ | None => _ end).
  assert (H1 : Waits None k1).
  { unfold k1. destruct on as [f|].
    - unfold remove_wake. apply waits_move; auto; try congruence.
      + intros x' E'. rewrite E in E'. injection E' as <-. repeat split; auto.
        * intros u N. unfold awaited. simpl. unfold l. rewrite CN. simpl.
          destruct (Nat.eqb_spec u f); [contradiction|lia].
        * intros y Ey P. simpl. rewrite count_remove_first by auto. unfold awaited. simpl. unfold l.
          rewrite CN. simpl. rewrite Nat.eqb_refl, (w_count _ _ H t f y Ey P). unfold waits. rewrite E.
          destruct (existsb (is_wake t) (f_callbacks y)) eqn:Z; auto.
          assert (C0 : count (is_wake t) (f_callbacks y) = 0).
          { destruct (count (is_wake t) (f_callbacks y)) eqn:C0; auto. exfalso.
            assert (0 < count (is_wake t) (f_callbacks y)) as C1 by lia. apply count_pos in C1.
            apply existsb_exists in C1. congruence. }
          rewrite (w_count _ _ H t f y Ey P) in C0. unfold waits in C0. rewrite E in C0.
          unfold awaited in C0. unfold awaited. rewrite C0. auto.
      + intros y Ey. simpl. split; [intros _ ->; auto|]. intros u N. apply count_remove_other.
        intros [v|c]; simpl; auto. intro Q. apply Nat.eqb_eq in Q. subst. apply Nat.eqb_neq. auto.
    - assert (W : Waits None (in_future (next_future k) (fun y => y) (in_task t (set_awaits l) k))).
      { apply waits_move; auto; try congruence.
        - intros x' E'. rewrite E in E'. injection E' as <-. repeat split; auto.
          + intros u _. unfold awaited. simpl. unfold l. rewrite CN. simpl. lia.
          + intros y Ey. apply (w_fresh_future _ _ H) in Ey. lia. }
      eapply waits_same; [|exact W]. constructor; simpl; eauto. intro u. rewrite find_update.
      destruct (next_future k =? u); auto. destruct (find u (futures k)); auto. }
  destruct (_ && _); auto. eapply waits_same; [apply sw_wake|auto].
Qed.

(** ** The end of a step *)

Definition remove_wakes t l k := fold_left (fun k f => remove_wake f t k) l k.

Lemma removed_rest t l : forall k, tasks (remove_wakes t l k) = tasks k /\ calls (remove_wakes t l k) = calls k /\
  next_task (remove_wakes t l k) = next_task k /\ next_future (remove_wakes t l k) = next_future k.
Proof. induction l as [|f l IH]; simpl; intro k; auto. destruct (IH (remove_wake f t k)) as (-> & -> & -> & ->). auto. Qed.

Lemma removed_future t l : forall k g, match find g (futures k), find g (futures (remove_wakes t l k)) with
  | Some y, Some z => f_state z = f_state y /\ f_on_cancel z = f_on_cancel y /\
      (f_callbacks y = [] -> f_callbacks z = []) /\
      (forall u, u <> t -> count (is_wake u) (f_callbacks z) = count (is_wake u) (f_callbacks y)) /\
      (count (is_wake t) (f_callbacks z) = count (is_wake t) (f_callbacks y) - count (Nat.eqb g) l)
  | None, None => True
  | _, _ => False
  end.
Proof.
  induction l as [|f l IH]; simpl; intros k g.
  - destruct (find g (futures k)); auto. repeat split; auto. lia.
  - specialize (IH (remove_wake f t k) g). simpl in IH. rewrite find_update in IH.
    destruct (find g (futures k)) as [y|]; destruct (Nat.eqb_spec f g); simpl in IH;
      destruct (find g (futures (remove_wakes t l (remove_wake f t k)))) as [z|]; auto.
    + destruct IH as (A & B & C & D & Q). subst. rewrite Nat.eqb_refl. repeat split; auto.
      * intro N. apply C. rewrite N. auto.
      * intros u N. rewrite D by auto. apply count_remove_other.
        intros [v|c]; simpl; auto. intro P. apply Nat.eqb_eq in P. subst. apply Nat.eqb_neq. auto.
      * rewrite Q, count_remove_first by auto.
        destruct (existsb (is_wake t) (f_callbacks y)) eqn:Z; [lia|].
        destruct (count (is_wake t) (f_callbacks y)) eqn:C0; [lia|]. exfalso.
        assert (0 < count (is_wake t) (f_callbacks y)) as C1 by lia. apply count_pos in C1.
        apply existsb_exists in C1. congruence.
    + destruct IH as (A & B & C & D & Q). repeat split; auto.
      destruct (Nat.eqb_spec g f); [congruence|]. simpl. auto.
Qed.

(** A task's body has ended: it awaits nothing any more, and its future is to be settled. *)
Lemma waits_ending t x g k : Waits None k -> find t (tasks k) = Some x -> t_ended x = false ->
  t_future (g x) = t_future x -> t_ended (g x) = true -> t_awaits (g x) = [] ->
  Waits (Some t) (remove_wakes t (awaited x) (in_task t g k)).
Proof.
  intros H E L GF GE GA. set (k2 := in_task t g k).
  pose proof (removed_rest t (awaited x) k2) as (R1 & R2 & R3 & R4).
  pose proof (removed_future t (awaited x) k2) as RF.
  assert (GT : forall u, find u (tasks k2) = if t =? u then Some (g x) else find u (tasks k)).
  { intro u. simpl. rewrite find_update. destruct (Nat.eqb_spec t u); auto. subst. rewrite E. auto. }
  set (k3 := remove_wakes t (awaited x) k2) in *. clearbody k3.
  assert (AN : awaited (g x) = []) by (unfold awaited; rewrite GA; auto).
  destruct H. constructor; rewrite ?R1, ?R2, ?R3, ?R4.
  - intros u z F. rewrite GT in F. destruct (Nat.eqb_spec t u); [subst|]; eauto.
  - intros u z F. specialize (RF u). change (futures k2) with (futures k) in RF. rewrite F in RF.
    destruct (find u (futures k)) eqn:Q; [eauto|contradiction].
  - intros u z F P. specialize (RF u). change (futures k2) with (futures k) in RF. rewrite F in RF.
    destruct (find u (futures k)) as [y|] eqn:Q; [|contradiction].
    destruct RF as (A & _ & C & _). rewrite A in P. apply C. eauto.
  - intros v u z F P. specialize (RF u). change (futures k2) with (futures k) in RF. rewrite F in RF.
    destruct (find u (futures k)) as [y|] eqn:Q; [|contradiction].
    destruct RF as (A & _ & _ & C & B). rewrite A in P. unfold waits. rewrite R1, GT.
    destruct (Nat.eqb_spec t v).
    + subst v. rewrite B, (w_count t u y Q P), AN. unfold waits. rewrite E. simpl. lia.
    + rewrite C by auto. rewrite (w_count v u y Q P). auto.
  - intros u z F P. rewrite GT in F. destruct (Nat.eqb_spec t u); [injection F as <-; auto|eauto].
  - intros u z f F I. rewrite GT in F. destruct (Nat.eqb_spec t u); [injection F as <-; rewrite AN in I; destruct I|].
    exact (w_known _ _ _ F I).
  - intros u z F. rewrite GT in F.
    assert (exists z', find u (tasks k) = Some z' /\ t_future z = t_future z' /\
      (t <> u -> t_ended z = t_ended z')) as (z' & F' & -> & N).
    { destruct (Nat.eqb_spec t u); [injection F as <-; subst; exists x; split; auto; split; auto; contradiction|eauto]. }
    destruct (w_future _ _ F') as (y & Ey & P1 & P2 & P3). specialize (RF (t_future z')).
    change (futures k2) with (futures k) in RF.
    rewrite Ey in RF. destruct (find (t_future z') (futures k3)) as [y'|]; [|contradiction].
    destruct RF as (A & B & _). exists y'. rewrite A, B. repeat split; auto.
    + intro D. destruct (Nat.eq_dec t u) as [Q|Q].
      * subst. rewrite Nat.eqb_refl in F. injection F as <-. congruence.
      * apply P2. rewrite <- N; auto.
    + intros D P. destruct (Nat.eq_dec t u) as [Q|Q]; [congruence|]. rewrite (N Q) in D.
      specialize (P3 D P). discriminate.
  - intros f y u F P. specialize (RF f). change (futures k2) with (futures k) in RF. rewrite F in RF.
    destruct (find f (futures k)) as [z|] eqn:Q; [|contradiction]. destruct RF as (_ & B & _).
    rewrite B in P. destruct (w_task _ _ _ Q P) as (x' & Ex' & Z). rewrite GT.
    destruct (Nat.eqb_spec t u); [|eauto]. subst u. rewrite E in Ex'. injection Ex' as <-.
    exists (g x). split; congruence.
  - intros f y gs F P. specialize (RF f). change (futures k2) with (futures k) in RF. rewrite F in RF.
    destruct (find f (futures k)) as [z|] eqn:Q; [|contradiction]. destruct RF as (_ & B & _).
    rewrite B in P. eauto.
  - intros c z f F P. destruct (w_resolve _ _ _ F P) as [A B]. split; auto. revert B.
    specialize (RF f). change (futures k2) with (futures k) in RF. unfold is_plain, find_future.
    destruct (find f (futures k)), (find f (futures k3)); auto; try contradiction.
    destruct RF as (_ & -> & _). auto.
Qed.

(** The ended task's own future is there, pending, and is settled next. *)
Lemma ending_future t x g k y : Waits None k -> find t (tasks k) = Some x -> t_ended x = false ->
  find (t_future x) (futures (remove_wakes t (awaited x) (in_task t g k))) = Some y ->
  f_on_cancel y = OfTask t /\ f_state y = Pending.
Proof.
  intros H E L F. destruct (w_future _ _ H _ _ E) as (yt & Eyt & Oyt & Lyt & _).
  pose proof (removed_future t (awaited x) (in_task t g k) (t_future x)) as RF.
  change (futures (in_task t g k)) with (futures k) in RF. rewrite Eyt, F in RF.
  destruct RF as (-> & -> & _). auto.
Qed.

Lemma waits_end_step t e k : Waits None k ->
  (forall x, find t (tasks k) = Some x -> t_ended x = false) -> Waits None (end_step t e k).
Proof.
  intros H D. unfold end_step, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  specialize (D x eq_refl).
  set (k1 := if t_told_taken x then _ else k).
  assert (H1 : Waits None k1) by (unfold k1; destruct (t_told_taken x); auto; eapply waits_same; [apply sw_note|auto]).
  assert (E1 : find t (tasks k1) = Some x) by (unfold k1; destruct (t_told_taken x); auto).
  clearbody k1. clear E H.
  destruct e as [|e].
  - assert (H2 : forall g, task_view (g x) = task_view x -> Waits None (in_task t g k1)).
    { intros g Q. eapply waits_same; [|exact H1]. constructor; simpl; eauto. intro u. rewrite find_update.
      destruct (Nat.eqb_spec t u); auto. subst. rewrite E1. simpl. congruence. }
    set (k2 := in_task t _ k1).
    assert (H3 : Waits None k2) by (apply H2; unfold task_view; simpl; congruence).
    set (k3 := match asked x with Some m => _ | None => _ end).
    assert (H4 : Waits None k3).
    { unfold k3. destruct (asked x); auto. apply waits_tell; auto. intros. apply waits_cancel_future; auto. }
    destruct (t_aborted x); auto. eapply waits_same; [apply sw_wake|auto].
  - destruct (outcome e (asked x)) as [[s m] once] eqn:O.
    set (g := fun _ : task => _).
    change (fold_left _ (awaited x) ?k) with (remove_wakes t (awaited x) k).
    assert (S : s <> Pending) by (destruct e, (asked x); injection O as <- _ _; discriminate).
    pose proof (waits_ending t x g k1 H1 E1 D eq_refl eq_refl eq_refl) as H3.
    pose proof (fun y => ending_future t x g k1 y H1 E1 D) as EF.
    pose proof (removed_rest t (awaited x) (in_task t g k1)) as (R1 & _).
    eapply waits_settle; eauto.
    + intros u Q. injection Q as <-. right.
      destruct (w_future _ _ H3 t (g x)) as (y & Ey & _).
      { rewrite R1. simpl. rewrite find_update, Nat.eqb_refl, E1. auto. }
      exists y. destruct (EF y Ey). auto.
    + intros y u z F P G. destruct (EF y F) as [Q _]. rewrite Q in P. injection P as <-.
      rewrite R1 in G. simpl in G. rewrite find_update, Nat.eqb_refl, E1 in G. injection G as <-. auto.
Qed.

(** ** Every operation *)

(** Who runs has not ended. *)
Definition runner_lives m : Prop :=
  forall t x, running m = Some t -> find t (tasks (kern m)) = Some x -> t_ended x = false.

Theorem waits_apply m o m' a :
  apply m o = Some (m', a) -> runner_lives m -> Waits None (kern m) -> Waits None (kern m').
Proof.
  destruct m as [k tk rn]. intros A L H. simpl in H. unfold runner_lives in L. simpl in L.
  assert (W : forall b r, when b r = Some (m', a) -> b = true /\ r = Some (m', a))
    by (unfold when; intros [] r Q; [auto|discriminate]).
  assert (D : forall (c : kernel * answer), same (Machine k tk rn) c = Some (m', a) ->
    Waits None (fst c) -> Waits None (kern m')).
  { intros c Q Hc. unfold same in Q. injection Q as <- _. auto. }
  assert (S : forall k', same_waits k k' -> Waits None k') by (intros; eapply waits_same; eauto).
  assert (RN : forall t, is_running t (Machine k tk rn) = true -> rn = Some t).
  { intros t Q. unfold is_running in Q. simpl in Q. destruct rn; [|discriminate].
    apply Nat.eqb_eq in Q. subst. auto. }
  destruct o; cbn [apply kern taken running] in A; try (apply W in A as [B A]);
    try (match type of A with plain _ _ = _ => idtac | with_bool _ _ = _ => idtac end;
         eapply D; [exact A|]); cbn [fst snd].
  - pose proof (S _ (sw_begin_iteration k)). destruct (begin_iteration k). eapply D; eauto.
  - apply S, sw_fields; auto.
  - apply S, sw_slip.
  - apply S, sw_fields; auto.
  - apply S, sw_fields; auto.
  - destruct (take index k) as [[k' h]|] eqn:T; [|discriminate]. injection A as <- _. simpl.
    eapply S, sw_take; eauto.
  - pose proof (waits_spawn k H). destruct (spawn k) as [? [? ?]]. eapply D; eauto.
  - apply S, sw_wake.
  - pose proof (S _ (sw_begin_step t k)). destruct (begin_step t k). injection A as <- _. auto.
  - injection A as <- _. simpl. apply waits_end_step; auto.
    intros x. apply L, RN; auto.
  - pose proof (waits_poll t on since k H (fun x => L t x (RN t B))).
    destruct (poll_await t on since k) as [? [? ?]]. eapply D; eauto.
  - apply waits_end_await; auto.
  - apply S, sw_abort.
  - pose proof (S _ (sw_uncancel t k)). destruct (uncancel t k). eapply D; eauto.
  - apply S, sw_in_task. auto.
  - apply waits_cancel_task; auto. intros. apply waits_cancel_future; auto.
  - apply waits_task_release; auto.
  - pose proof (waits_future_new rule k H B). destruct (future_new rule k). eapply D; eauto.
  - apply andb_true_iff in B as [B _].
    assert (N : forall t x, find t (tasks k) = Some x -> t_future x <> f).
    { intros t x E <-. destruct (w_future _ _ H _ _ E) as (y & Ey & Q & _). unfold is_plain, find_future in B.
      rewrite Ey, Q in B. discriminate. }
    pose proof (waits_release f k H N). destruct (future_release f k). eapply D; eauto.
  - apply andb_true_iff in B as [B B']. apply waits_settle_plain; auto. destruct s; discriminate.
  - apply waits_cancel_future; auto.
  - pose proof (waits_on_done f k H). destruct (on_done f k). eapply D; eauto.
  - apply waits_remove_on_done; auto.
  - apply S, sw_in_future. auto.
  - eapply D; [exact A|]. apply S, sw_fields; auto.
  - pose proof (S _ (sw_take_message f k)). destruct (take_message f k). eapply D; eauto.
  - assert (R : resolvable a0 k).
    { intros f ->. simpl in B. apply andb_true_iff in B as [B1 B2]. split; auto. unfold knows_future in B1.
      unfold find_future in B1. destruct (find f (futures k)) eqn:E; [|discriminate].
      exact (w_fresh_future _ _ H _ _ E). }
    pose proof (waits_call_soon a0 k H R). destruct (call_soon a0 k). eapply D; eauto.
  - assert (R : resolvable a0 k).
    { intros f ->. simpl in B. apply andb_true_iff in B as [B1 B2]. split; auto. unfold knows_future in B1.
      unfold find_future in B1. destruct (find f (futures k)) eqn:E; [|discriminate].
      exact (w_fresh_future _ _ H _ _ E). }
    pose proof (waits_arm d a0 k H R). destruct (arm d a0 k). eapply D; eauto.
  - apply S, sw_cancel_call.
  - assert (W' : Waits None (fst (begin_call c k))).
    { unfold begin_call. destruct (find c (calls k)) as [x|] eqn:E; auto.
      assert (F : Waits None (set_calls (remove c (calls k)) k)) by (apply S, (sw_forget [c] k)).
      destruct (c_place x), (c_action x) eqn:Q; simpl; auto;
        (apply waits_settle_plain; [auto|discriminate|]; apply (w_resolve _ _ H _ _ _ E Q)). }
    destruct (begin_call c k). injection A as <- _. auto.
Qed.
