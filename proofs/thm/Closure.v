(** Whatever holds of every small change holds of every operation: the induction over the kernel's
    functions, done once, for all that does not touch the clock, the timers and the taking. *)
From Coq Require Import List Arith NArith Lia Bool.
From Seedloop.Spec Require Import Map Kernel Machine.
From Seedloop.Thm Require Import Lists.
Import ListNotations.

(** A request, a delivery, or the end of a future: no handle joins or is taken, no timer fires. *)
Definition silent (e : event) : bool :=
  match e with EPush _ | ETake _ | EFire _ _ => false | _ => true end.
Definition undelivered (e : event) : bool :=
  match e with EDelivered _ => false | _ => silent e end.

Section Closure.
Variable R : kernel -> kernel -> Prop.
Hypothesis r_refl : forall k, R k k.
Hypothesis r_trans : forall a b c, R a b -> R b c -> R a c.
Hypothesis r_frame : forall k k', history k' = history k -> ready k' = ready k ->
  timers k' = timers k -> registrations k' = registrations k -> now k' = now k ->
  batch k' = batch k -> next_call k <= next_call k' -> R k k'.
Hypothesis r_note : forall e k, undelivered e = true -> R k (note e k).
(** Only the beginning and the end of a step use this. *)
Variable steps : task_id -> Prop.
Hypothesis r_delivered : forall t k, steps t -> R k (note (EDelivered t) k).
Hypothesis r_push : forall h k, R k (push h k).

Ltac frame := apply r_frame; solve [reflexivity | simpl; auto].

Lemma r_wake t k : R k (fst (wake t k)).
Proof.
  unfold wake. destruct (find_task t k); [|apply r_refl]. destruct (_ || _); [apply r_refl|].
  simpl. eapply r_trans; [|apply r_push]. frame.
Qed.
Lemma r_queue_call c k : R k (queue_call c k).
Proof. eapply r_trans; [|apply r_push]. frame. Qed.
Lemma r_run cbs : forall k, R k (fold_left run_callback cbs k).
Proof.
  induction cbs as [|[t|c] cbs IH]; simpl; intro k; [apply r_refl| |];
    (eapply r_trans; [|apply IH]); [apply r_wake|apply r_queue_call].
Qed.
Lemma r_settle f s m once k : R k (fst (settle f s m once k)).
Proof.
  unfold settle. destruct (find_future f k) as [y|]; [|apply r_refl].
  destruct (is_pending _); [|apply r_refl]. simpl. eapply r_trans; [|apply r_run].
  set (g := fun _ : future => _).
  apply r_trans with (note (ESettle f s) (in_future f g k)).
  - eapply r_trans; [|apply r_note]; [frame|reflexivity].
  - destruct (f_observed y); [frame|apply r_refl].
Qed.

Section Cancel.
Variable cf : list task_id -> message -> kernel -> future_id -> kernel * bool.
Hypothesis IH : forall path m k f, R k (fst (cf path m k f)).

Lemma r_refuse path m l : forall c, R (fst c) (fst (fold_left (refuse_or cf path m) l c)).
Proof.
  induction l as [|on l IHl]; simpl; intros [k b]; [apply r_refl|].
  eapply r_trans; [|apply IHl]. unfold refuse_or. destruct on as [f|]; [|apply r_refl].
  specialize (IH path m k f). destruct (cf path m k f). exact IH.
Qed.
Lemma r_any path m l : forall c, R (fst c) (fst (fold_left (any_or cf path m) l c)).
Proof.
  induction l as [|f l IHl]; simpl; intros [k b]; [apply r_refl|].
  eapply r_trans; [|apply IHl]. unfold any_or.
  specialize (IH path m k f). destruct (cf path m k f). exact IH.
Qed.
Lemma r_tell path m t k : R k (tell_with cf path m t k).
Proof.
  unfold tell_with. destruct (find_task t k) as [x|]; [|apply r_refl].
  match goal with |- context[fold_left ?g ?l ?c] => pose proof (r_refuse (t :: path) m l c) as H end.
  destruct (fold_left _ _ _) as [k1 refused]. simpl in H. destruct refused; auto.
  eapply r_trans; [exact H|]. destruct (awaits_closing x k1); [frame|].
  eapply r_trans; [|apply r_wake]. frame.
Qed.
Lemma r_cancel_task path m t k : R k (fst (cancel_task_with cf path m t k)).
Proof.
  unfold cancel_task_with. destruct (find_task t k) as [x|]; [|apply r_refl].
  destruct (_ || _); [apply r_refl|]. set (k0 := in_task t _ k).
  assert (R k (note (EAsk t) k0)).
  { eapply r_trans; [|apply r_note]; [frame|reflexivity]. }
  destruct (t_running x); simpl; (eapply r_trans; [eassumption|]); [frame|apply r_tell].
Qed.
End Cancel.

Lemma r_cancel fuel : forall path m k f, R k (fst (cancel_future fuel path m k f)).
Proof.
  induction fuel as [|fuel IH]; simpl; intros path m k f; [apply r_refl|].
  destruct (find_future f k) as [y|]; [|apply r_refl].
  destruct (f_state y); try apply r_refl. destruct (f_on_cancel y).
  - apply r_settle.
  - apply r_cancel_task; auto.
  - pose proof (r_any _ IH path m fs (k, false)) as H. destruct (fold_left _ fs (k, false)) as [k1 any].
    simpl in *. destruct any; auto. eapply r_trans; [exact H|frame].
Qed.

Lemma r_begin_step t k : steps t -> R k (fst (begin_step t k)).
Proof.
  intro ST.   unfold begin_step. destruct (find_task t k) as [x|]; [|apply r_refl]. destruct (t_ended x); [frame|].
  destruct (t_aborted x || _); simpl; [|frame].
  destruct (is_some (t_must_cancel x)); [|frame]. eapply r_trans; [|apply r_delivered; exact ST]; frame.
Qed.
Lemma r_poll t on since k : R k (fst (poll_await t on since k)).
Proof.
  unfold poll_await. destruct (find_task t k) as [x|]; [|apply r_refl]. destruct since as [n|]; simpl.
  - destruct (n <? t_step x); [destruct (t_told x)|]; simpl;
      repeat match goal with |- context[if ?b then _ else _] => destruct b; simpl end;
      try frame; apply r_refl.
  - destruct (match on with Some f => _ | None => _ end); simpl; [|apply r_refl].
    destruct on; [frame|]. eapply r_trans; [|apply r_wake]. frame.
Qed.
Lemma r_end_await t on since k : R k (end_await t on since k).
Proof.
  unfold end_await. destruct (find_task t k) as [x|]; [|apply r_refl]. destruct (existsb _ _); [|apply r_refl].
  destruct (_ && _); [eapply r_trans; [|apply r_wake]|]; destruct on; frame.
Qed.
Lemma r_end_step t e k : steps t -> R k (end_step t e k).
Proof.
  intro ST.   unfold end_step. destruct (find_task t k) as [x|]; [|apply r_refl].
  set (k1 := if t_told_taken x then _ else k).
  assert (A : R k k1) by (unfold k1; destruct (t_told_taken x); [apply r_delivered; exact ST|apply r_refl]).
  destruct e as [|e].
  - set (g := fun _ : task => _). set (k2 := in_task t g k1).
    assert (B : R k k2) by (eapply r_trans; [exact A|frame]).
    set (k3 := match asked x with Some m => _ | None => _ end).
    assert (C : R k k3).
    { unfold k3. destruct (asked x); auto. eapply r_trans; [exact B|]. apply r_tell. intros; apply r_cancel. }
    destruct (t_aborted x); auto. eapply r_trans; [exact C|apply r_wake].
  - destruct (outcome e (asked x)) as [[s m] once]. eapply r_trans; [|apply r_settle].
    assert (RW : forall l k, R k (fold_left (fun k f => remove_wake f t k) l k)).
    { induction l as [|f l IH]; simpl; intro k0; [apply r_refl|]. eapply r_trans; [|apply IH]. frame. }
    eapply r_trans; [exact A|]. eapply r_trans; [|apply RW]. frame.
Qed.
Lemma r_abort t k : R k (fst (abort t k)).
Proof.
  unfold abort. destruct (find_task t k) as [x|]; [|apply r_refl]. destruct (t_ended x); [apply r_refl|].
  simpl. destruct (t_running x); [frame|]. eapply r_trans; [|apply r_wake]. frame.
Qed.
Lemma r_uncancel t k : R k (fst (uncancel t k)).
Proof.
  unfold uncancel. destruct (find_task t k) as [x|]; [|apply r_refl]. destruct (t_cancels x); [apply r_refl|].
  simpl. destruct (n =? 0); frame.
Qed.
Lemma r_release f k : R k (fst (future_release f k)).
Proof. unfold future_release. destruct (find_future f k); [frame|apply r_refl]. Qed.
Lemma r_task_release t k : R k (task_release t k).
Proof.
  unfold task_release. destruct (find_task t k); [|apply r_refl]. eapply r_trans; [|apply r_release]. frame.
Qed.
Lemma r_spawn k : R k (fst (spawn k)).
Proof. unfold spawn. destruct (future_new _ _) as [k1 f] eqn:E. simpl. injection E as <- _.
  eapply r_trans; [|apply r_wake]. frame. Qed.
Lemma r_call_soon a k : R k (fst (call_soon a k)).
Proof. unfold call_soon. destruct (new_call a Queued k) as [k1 c] eqn:E. simpl. injection E as <- _.
  eapply r_trans; [|apply r_push]. frame. Qed.
Lemma r_on_done f k : R k (fst (on_done f k)).
Proof. unfold on_done. destruct (is_done f k); [apply r_call_soon|frame]. Qed.
Lemma r_remove_on_done f c k : R k (fst (remove_on_done f c k)).
Proof. unfold remove_on_done. destruct (find_future f k); [|apply r_refl]. destruct (existsb _ _); [frame|apply r_refl]. Qed.
Lemma r_begin_call c k : R k (fst (begin_call c k)).
Proof.
  unfold begin_call. destruct (find c (calls k)) as [x|]; [|apply r_refl].
  destruct (c_place x), (c_action x); simpl; try frame; (eapply r_trans; [|apply r_settle]; frame).
Qed.
Lemma r_take_message f k : R k (fst (take_message f k)).
Proof. unfold take_message. destruct (find_future f k) as [y|]; [|apply r_refl]. simpl. destruct (f_message_once y); [frame|apply r_refl]. Qed.


(** The operations that this covers. *)
Definition timeless (o : op) : bool :=
  match o with
  | OTake _ | OBeginIteration | OSlip | OBusy _ | OArm _ _ | OCancelCall _ => false
  | _ => true
  end.

Lemma r_apply_steps m o m' a : apply m o = Some (m', a) -> timeless o = true ->
  (forall t, o = OBeginStep t \/ (exists e, o = OEndStep t e) -> steps t) -> R (kern m) (kern m').
Proof.
  destruct m as [k tk rn]. intros A NT ST.
  assert (WH : forall b r, when b r = Some (m', a) -> b = true /\ r = Some (m', a))
    by (unfold when; intros [] r Q; [auto|discriminate]).
  assert (D : forall (c : kernel * answer), same (Machine k tk rn) c = Some (m', a) ->
    R k (fst c) -> R k (kern m')).
  { intros c Q Rc. unfold same in Q. injection Q as <- _. auto. }
  destruct o; try discriminate NT; cbn [apply kern taken running] in A; try (apply WH in A as [B A]);
    try (match type of A with plain _ _ = _ => idtac | with_bool _ _ = _ => idtac end;
         eapply D; [exact A|]); cbn [fst snd kern]; try frame;
    auto using r_wake, r_end_await, r_abort, r_task_release, r_settle, r_remove_on_done.
  - pose proof (r_spawn k). destruct (spawn k) as [? [? ?]]. eapply D; eauto.
  - pose proof (r_begin_step t k (ST t (or_introl eq_refl))). destruct (begin_step t k). injection A as <- _. auto.
  - injection A as <- _. apply r_end_step. eauto.
  - pose proof (r_poll t on since k). destruct (poll_await t on since k) as [? [? ?]]. eapply D; eauto.
  - pose proof (r_uncancel t k). destruct (uncancel t k). eapply D; eauto.
  - apply r_cancel_task. intros; apply r_cancel.
  - assert (R k (fst (future_new rule k))) by frame. destruct (future_new rule k). eapply D; eauto.
  - pose proof (r_release f k). destruct (future_release f k). eapply D; eauto.
  - apply r_cancel.
  - pose proof (r_on_done f k). destruct (on_done f k). eapply D; eauto.
  - eapply D; [exact A|]. frame.
  - pose proof (r_take_message f k). destruct (take_message f k). eapply D; eauto.
  - pose proof (r_call_soon a0 k). destruct (call_soon a0 k). eapply D; eauto.
  - pose proof (r_begin_call c k). destruct (begin_call c k). injection A as <- _. auto.
Qed.

End Closure.

Definition any_step : task_id -> Prop := fun _ => True.

Lemma r_apply (R : kernel -> kernel -> Prop) (r_refl : forall k, R k k)
  (r_trans : forall a b c, R a b -> R b c -> R a c)
  (r_frame : forall k k', history k' = history k -> ready k' = ready k -> timers k' = timers k ->
    registrations k' = registrations k -> now k' = now k -> batch k' = batch k ->
    next_call k <= next_call k' -> R k k')
  (r_note : forall e k, silent e = true -> R k (note e k))
  (r_push : forall h k, R k (push h k)) m o m' a :
  apply m o = Some (m', a) -> timeless o = true -> R (kern m) (kern m').
Proof.
  intros A T. refine (r_apply_steps R r_refl r_trans r_frame _ any_step _ r_push _ _ _ _ A T _).
  - intros e k U. apply r_note. destruct e; auto.
  - intros t k _. apply r_note. auto.
  - intros t _. exact I.
Qed.
