(** No callback is lost: one that is known stands in the list that its place names. *)
From Coq Require Import List Arith NArith Lia Bool Permutation.
From Seedloop.Spec Require Import Map Kernel Machine.
From Seedloop.Thm Require Import Lists Handles.
Import ListNotations.

Lemma listed_same tk cbs ws k k' : same_handles k k' -> Listed tk cbs ws k -> Listed tk cbs ws k'.
Proof.
  intros [R T _ C _ _ KF] H c x E. rewrite C in E. specialize (H c x E). rewrite R, T. destruct (c_place x); auto.
  destruct H as [H|(f & y & F & I)]; auto. right.
  destruct (map_some _ _ _ _ _ _ (eq_sym (KF f)) F) as (z & F' & Q). rewrite <- Q in I. eauto.
Qed.

Lemma listed_wake tk cbs ws t k : Listed tk cbs ws k -> Listed tk cbs ws (fst (wake t k)).
Proof.
  intro H. unfold wake. destruct (find_task t k); auto. destruct (_ || _); auto. simpl.
  intros c x E. specialize (H c x E). simpl. destruct (c_place x); auto; apply in_live; auto.
Qed.

Lemma listed_queue tk cbs cbs' ws ws' c k : Listed tk cbs ws k ->
  (forall d, In d (calls_of cbs) -> d = c \/ In d (calls_of cbs')) ->
  (forall w, In w ws -> timer_call w = c \/ In w ws') -> Listed tk cbs' ws' (queue_call c k).
Proof.
  intros H CB WS d x E. simpl in *. rewrite find_update in E. destruct (Nat.eqb_spec c d).
  - subst d. destruct (find c (calls k)); [|discriminate]. injection E as <-. simpl. apply in_live. auto.
  - specialize (H d x E). destruct (c_place x).
    + destruct H as [H|H]; auto. left. destruct (CB _ H); auto. congruence.
    + destruct H as (w & I & Q). exists w. split; auto. apply in_app_iff in I as [I|I]; apply in_app_iff; auto.
      destruct (WS _ I); auto. congruence.
    + apply in_live. auto.
    + apply in_live. auto.
Qed.

Lemma listed_run tk ws cbs : forall k, Listed tk cbs ws k -> Listed tk [] ws (fold_left run_callback cbs k).
Proof.
  induction cbs as [|[t|c] cbs IH]; simpl; intros k H; auto; apply IH.
  - apply listed_wake. exact H.
  - eapply listed_queue; eauto. simpl. intros d [I|I]; auto.
Qed.

Lemma listed_settle tk f s m once k : Listed tk [] [] k -> Listed tk [] [] (fst (settle f s m once k)).
Proof.
  intro H. unfold settle, find_future. destruct (find f (futures k)) as [y|] eqn:E; auto.
  destruct (is_pending (f_state y)); auto. simpl. set (g := fun _ : future => _).
  assert (D : Listed tk (f_callbacks y) [] (in_future f g k)).
  { intros c x F. specialize (H c x F). destruct (c_place x); auto. destruct H as [[]|(u & z & G & I)].
    simpl. destruct (Nat.eq_dec f u) as [->|N]; [left; congruence|]. right. exists u, z. rewrite find_update.
    destruct (Nat.eqb_spec f u); [contradiction|auto]. }
  destruct (f_observed y); apply listed_run; (eapply listed_same; [|exact D]); constructor; auto.
Qed.

Section Cancel.
Variable tk : option handle.
Variable cf : list task_id -> message -> kernel -> future_id -> kernel * bool.
Hypothesis IH : forall path m k f, Listed tk [] [] k -> Listed tk [] [] (fst (cf path m k f)).

Lemma listed_refuse path m l : forall c, Listed tk [] [] (fst c) ->
  Listed tk [] [] (fst (fold_left (refuse_or cf path m) l c)).
Proof.
  induction l as [|on l IHl]; simpl; auto. intros [k b] H. apply IHl. unfold refuse_or.
  destruct on as [f|]; auto. destruct (cf path m k f) eqn:E. simpl.
  specialize (IH path m k f H). rewrite E in IH. auto.
Qed.
Lemma listed_any path m l : forall c, Listed tk [] [] (fst c) ->
  Listed tk [] [] (fst (fold_left (any_or cf path m) l c)).
Proof.
  induction l as [|f l IHl]; simpl; auto. intros [k b] H. apply IHl. unfold any_or.
  destruct (cf path m k f) eqn:E. simpl. specialize (IH path m k f H). rewrite E in IH. auto.
Qed.
Lemma listed_in_task t g k : (forall x, t_queued (g x) = t_queued x) ->
  Listed tk [] [] k -> Listed tk [] [] (in_task t g k).
Proof. intros Q. apply listed_same, same_in_task. auto. Qed.
Lemma listed_tell path m t k : Listed tk [] [] k -> Listed tk [] [] (tell_with cf path m t k).
Proof.
  intro H. unfold tell_with. destruct (find_task t k) as [x|]; auto.
  match goal with |- context[fold_left ?g ?l ?c] => pose proof (listed_refuse (t :: path) m l c H) as H1 end.
  destruct (fold_left _ _ _) as [k1 refused]. simpl in H1. destruct refused; auto.
  destruct (awaits_closing x k1); [|apply listed_wake]; apply listed_in_task; auto.
Qed.
Lemma listed_cancel_task path m t k : Listed tk [] [] k -> Listed tk [] [] (fst (cancel_task_with cf path m t k)).
Proof.
  intro H. unfold cancel_task_with. destruct (find_task t k) as [x|]; auto. destruct (_ || _); auto.
  assert (H1 : Listed tk [] [] (note (EAsk t) (in_task t (fun x => set_cancels (S (t_cancels x)) x) k))).
  { eapply listed_same; [apply same_note|]. apply listed_in_task; auto. }
  destruct (t_running x); simpl; [apply listed_in_task|apply listed_tell]; auto.
Qed.
End Cancel.

Lemma listed_cancel tk fuel : forall path m k f,
  Listed tk [] [] k -> Listed tk [] [] (fst (cancel_future fuel path m k f)).
Proof.
  induction fuel as [|fuel IH]; simpl; auto. intros path m k f H.
  destruct (find_future f k) as [y|]; auto. destruct (f_state y); auto. destruct (f_on_cancel y).
  - apply listed_settle; auto.
  - apply listed_cancel_task; auto.
  - pose proof (listed_any tk _ IH path m fs (k, false) H) as H1.
    destruct (fold_left _ fs (k, false)) as [k1 any]. simpl in *. destruct any; auto.
    eapply listed_same; [apply same_in_future|]; auto.
Qed.

(** ** Callbacks and timers *)

Lemma listed_fire tk ws : forall k, Listed tk [] ws k -> Listed tk [] [] (fold_left fire ws k).
Proof.
  induction ws as [|w ws IH]; simpl; intros k H; auto. apply IH. unfold fire.
  apply (listed_queue tk [] [] (w :: ws) ws); auto.
  simpl. intros v [<-|I]; auto.
Qed.
Lemma listed_collect tk k : Listed tk [] [] k -> Listed tk [] [] (collect_due k).
Proof.
  intro H. unfold collect_due. destruct (due (now k) (timers k)) as [a b] eqn:E. apply listed_fire.
  intros c x F. specialize (H c x F). simpl. rewrite <- (due_spec _ _ _ _ E). exact H.
Qed.
Lemma listed_begin_iteration tk k : Listed tk [] [] k -> Listed tk [] [] (fst (begin_iteration k)).
Proof.
  intro H. unfold begin_iteration. set (k1 := set_iteration _ k).
  assert (H1 : Listed tk [] [] k1) by exact H.
  assert (C : forall k2, Listed tk [] [] k2 -> Listed tk [] [] (set_batch (length (ready (collect_due k2))) (collect_due k2)))
    by (intros k2 H2; exact (listed_collect tk k2 H2)).
  destruct (ready k1), (stopping k1), (next_deadline k1); simpl; try (destruct (time_ltb _ _)); simpl; auto.
Qed.

Lemma listed_new a p tk k : Listed tk [] [] k -> forall c x,
  find c (calls (fst (new_call a p k))) = Some x -> c <> next_call k -> match c_place x with
  | Armed => exists w, In w (timers k) /\ timer_call w = c
  | OnDone => exists f y, find f (futures k) = Some y /\ In c (calls_of (f_callbacks y))
  | Queued | Dead => In (Call c) (of_option tk ++ ready k)
  end.
Proof.
  intros H c x E N. simpl in E. destruct (Nat.eqb_spec c (next_call k)); [contradiction|].
  specialize (H c x E). destruct (c_place x); auto. destruct H as [[]|H]; auto.
Qed.
Lemma new_is a p k x : find (next_call k) (calls (fst (new_call a p k))) = Some x -> c_place x = p.
Proof. simpl. rewrite Nat.eqb_refl. intro E. injection E as <-. auto. Qed.

Lemma listed_call_soon tk a k : Listed tk [] [] k -> Listed tk [] [] (fst (call_soon a k)).
Proof.
  intros H c x E. destruct (Nat.eq_dec c (next_call k)) as [->|N].
  - rewrite (new_is a Queued k x E). simpl. apply in_live. auto.
  - pose proof (listed_new a Queued tk k H c x E N) as Q. destruct (c_place x); simpl; auto; apply in_live; auto.
Qed.
Lemma listed_arm tk d a k : Listed tk [] [] k -> Listed tk [] [] (fst (arm d a k)).
Proof.
  intros H c x E. destruct (Nat.eq_dec c (next_call k)) as [->|N].
  - rewrite (new_is a Armed k x E). simpl.
    exists (Timer d (registrations k) (next_call k) (now k)). split; auto. apply insert_timer_In. auto.
  - pose proof (listed_new a Armed tk k H c x E N) as Q. destruct (c_place x); simpl; auto.
    destruct Q as (w & I & Q). exists w. split; auto. apply insert_timer_In. auto.
Qed.
Lemma listed_on_done tk f k : Listed tk [] [] k -> Listed tk [] [] (fst (on_done f k)).
Proof.
  intro H. unfold on_done. destruct (is_done f k) eqn:D; [apply listed_call_soon; auto|].
  intros c x E. change (find c (calls (fst (new_call Closure OnDone k))) = Some x) in E.
  unfold is_done, state_of, find_future in D. destruct (find f (futures k)) as [y0|] eqn:F; [|discriminate].
  destruct (Nat.eq_dec c (next_call k)) as [->|N].
  - rewrite (new_is _ _ _ _ E). right. simpl. eexists f, _. rewrite find_update, Nat.eqb_refl, F. simpl.
    split; auto. simpl. rewrite calls_of_app. apply in_app_iff. right. left. auto.
  - pose proof (listed_new Closure OnDone tk k H c x E N) as Q. destruct (c_place x); simpl; auto.
    right. destruct Q as (g & y & G & I). destruct (Nat.eq_dec f g) as [<-|M].
    + eexists f, _. rewrite find_update, Nat.eqb_refl, F. simpl. split; auto. simpl. rewrite calls_of_app.
      apply in_app_iff. left. congruence.
    + exists g, y. rewrite find_update. destruct (Nat.eqb_spec f g); [contradiction|auto].
Qed.
Lemma listed_remove_on_done tk f c k : Listed tk [] [] k -> Listed tk [] [] (fst (remove_on_done f c k)).
Proof.
  intro H. unfold remove_on_done, find_future. destruct (find f (futures k)) as [y0|] eqn:F; auto.
  destruct (existsb _ _); auto. simpl. intros d x E. simpl in E. rewrite find_remove in E.
  destruct (Nat.eqb_spec c d); [discriminate|]. specialize (H d x E). destruct (c_place x); auto.
  destruct H as [[]|(g & y & G & I)]. right. simpl. destruct (Nat.eq_dec f g) as [<-|M].
  - eexists f, _. rewrite find_update, Nat.eqb_refl, F. simpl. split; auto. simpl.
    rewrite F in G. injection G as <-. apply calls_of_In. apply calls_of_In in I. apply filter_In. split; auto.
    simpl. apply negb_true_iff, Nat.eqb_neq. auto.
  - exists g, y. rewrite find_update. destruct (Nat.eqb_spec f g); [contradiction|auto].
Qed.
Lemma listed_cancel_call tk c k : Listed tk [] [] k -> Listed tk [] [] (fst (cancel_call c k)).
Proof.
  intro H. unfold cancel_call. destruct (find c (calls k)) as [x|] eqn:E; auto. destruct (c_place x) eqn:P; auto; simpl.
  - intros d z F. simpl in F. rewrite find_remove in F. destruct (Nat.eqb_spec c d); [discriminate|].
    specialize (H d z F). destruct (c_place z); auto. destruct H as (w & I & Q). exists w. split; auto. simpl.
    apply filter_In. split; auto. apply negb_true_iff, Nat.eqb_neq. congruence.
  - intros d z F. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec c d).
    + subst d. rewrite E in F. injection F as <-. simpl. specialize (H c x E). rewrite P in H. auto.
    + exact (H d z F).
Qed.
Lemma listed_begin_call c k : Listed (Some (Call c)) [] [] k -> Listed None [] [] (fst (begin_call c k)).
Proof.
  intro H. unfold begin_call. destruct (find c (calls k)) as [x|] eqn:E.
  - assert (F : Listed None [] [] (set_calls (remove c (calls k)) k)).
    { intros d z F. simpl in F. rewrite find_remove in F. destruct (Nat.eqb_spec c d); [discriminate|].
      specialize (H d z F). destruct (c_place z); auto; destruct H as [H|H]; auto; injection H as ->; contradiction. }
    destruct (c_place x), (c_action x); simpl; auto; apply listed_settle; auto.
  - intros d z F. specialize (H d z F). destruct (Nat.eq_dec c d) as [->|N]; [simpl in F; congruence|].
    destruct (c_place z); auto; destruct H as [H|H]; auto; injection H as ->; contradiction.
Qed.
Lemma listed_step t k : Listed (Some (Step t)) [] [] k -> Listed None [] [] k.
Proof.
  intros H c x E. specialize (H c x E). destruct (c_place x); auto; destruct H as [H|H]; auto; discriminate.
Qed.
Lemma listed_take i k k' h : Listed None [] [] k -> take i k = Some (k', h) -> Listed (Some h) [] [] k'.
Proof.
  intros H E. unfold take in E. destruct (nth_error (ready k) i) as [g|] eqn:N; [|discriminate].
  injection E as <- ->. destruct (remove_nth_split _ _ _ _ N) as (a & b & R1 & R2 & _).
  intros c x E. specialize (H c x E). simpl in H. destruct (c_place x); auto; simpl;
    rewrite R1, in_app_iff in H; rewrite R2, in_app_iff; simpl in H; tauto.
Qed.
Lemma listed_release tk f k : Listed tk [] [] k -> Listed tk [] [] (fst (future_release f k)).
Proof.
  intro H. unfold future_release, find_future. destruct (find f (futures k)) as [y0|] eqn:F; auto. simpl.
  intros d x E. simpl in E. rewrite find_removes in E. destruct (existsb _ _) eqn:B; [discriminate|].
  specialize (H d x E). destruct (c_place x); auto. destruct H as [[]|(g & y & G & I)]. right. simpl.
  exists g, y. rewrite find_remove. destruct (Nat.eqb_spec f g); auto. subst. rewrite F in G. injection G as <-.
  apply existsb_In in I. congruence.
Qed.

(** ** Every operation *)

Theorem listed_apply m o m' a : apply m o = Some (m', a) -> (forall f y, find f (futures (kern m)) = Some y -> f < next_future (kern m)) ->
  Listed (taken m) [] [] (kern m) -> Listed (taken m') [] [] (kern m').
Proof.
  destruct m as [k tk rn]. intros A FR H. simpl in H, FR.
  assert (W : forall b r, when b r = Some (m', a) -> b = true /\ r = Some (m', a))
    by (unfold when; intros [] r Q; [auto|discriminate]).
  assert (D : forall (c : kernel * answer), same (Machine k tk rn) c = Some (m', a) ->
    Listed tk [] [] (fst c) -> Listed (taken m') [] [] (kern m')).
  { intros c Q Hc. unfold same in Q. injection Q as <- _. auto. }
  assert (NF : forall rule, Listed tk [] [] (fst (future_new rule k))).
  { intros rule c x E. specialize (H c x E). destruct (c_place x); auto. destruct H as [[]|(f & y & F & I)].
    right. exists f, y. simpl. destruct (Nat.eqb_spec f (next_future k)); auto. apply FR in F. lia. }
  destruct o; cbn [apply kern taken running] in A; try (apply W in A as [B A]);
    try (match type of A with plain _ _ = _ => idtac | with_bool _ _ = _ => idtac end;
         eapply D; [exact A|]); cbn [fst snd]; try exact H;
    auto using listed_wake, listed_settle, listed_cancel, listed_remove_on_done, listed_cancel_call.
  - pose proof (listed_begin_iteration tk k H). destruct (begin_iteration k). eapply D; eauto.
  - unfold slip. destruct (next_deadline k); auto. destruct (time_ltb _ _); auto. simpl. apply listed_collect. exact H.
  - destruct (take index k) as [[k' h]|] eqn:T; [|discriminate]. injection A as <- _. simpl.
    assert (N : tk = None) by (unfold at_rest in B; simpl in B; destruct tk; [discriminate|auto]).
    subst tk. eapply listed_take; eauto.
  - assert (Q : Listed tk [] [] (fst (spawn k))).
    { unfold spawn. specialize (NF (OfTask (next_task k))). destruct (future_new (OfTask (next_task k)) k) as [k1 f].
      simpl in *. apply listed_wake. exact NF. }
    destruct (spawn k) as [? [? ?]]. eapply D; eauto.
  - unfold is_taken in B. simpl in B. destruct tk as [[u|c]|]; simpl in B; try discriminate.
    apply Nat.eqb_eq in B. subst u. apply listed_step in H.
    assert (Q : Listed None [] [] (fst (begin_step t k))).
    { unfold begin_step. destruct (find_task t k) as [x|]; auto. destruct (t_ended x); [exact H|].
      destruct (t_aborted x || _); [|exact H]. destruct (is_some _); exact H. }
    destruct (begin_step t k). injection A as <- _. auto.
  - injection A as <- _. simpl. unfold end_step. destruct (find_task t k) as [x|]; auto.
    set (k1 := if t_told_taken x then _ else k).
    assert (H1 : Listed tk [] [] k1) by (unfold k1; destruct (t_told_taken x); auto).
    destruct e as [|e].
    + set (k2 := in_task t _ k1). assert (H2 : Listed tk [] [] k2) by exact H1.
      set (k3 := match asked x with Some m => _ | None => _ end).
      assert (H3 : Listed tk [] [] k3).
      { unfold k3. destruct (asked x); auto. apply listed_tell; auto. intros; apply listed_cancel; auto. }
      destruct (t_aborted x); auto. apply listed_wake; auto.
    + destruct (outcome e (asked x)) as [[s m] once]. apply listed_settle.
      set (k2 := in_task t _ k1). assert (H2 : Listed tk [] [] k2) by exact H1.
      revert H2. generalize k2. induction (awaited x) as [|f l IH]; simpl; auto. intros k3 H3. apply IH.
      eapply listed_same; [apply same_in_future|exact H3]. intro. simpl. apply calls_of_remove_wake.
  - assert (Q : Listed tk [] [] (fst (poll_await t on since k))).
    { unfold poll_await. destruct (find_task t k) as [x|]; auto. destruct since as [n|]; simpl.
      - destruct (n <? t_step x); [destruct (t_told x)|]; simpl;
          repeat match goal with |- context[if ?b then _ else _] => destruct b; simpl end; exact H.
      - destruct (match on with Some f => _ | None => _ end); simpl; auto. set (k1 := in_task t _ k).
        assert (H1 : Listed tk [] [] k1) by exact H. destruct on; [|apply listed_wake; auto].
        eapply listed_same; [apply same_in_future|exact H1]. intro y. simpl. rewrite calls_of_app. apply app_nil_r. }
    destruct (poll_await t on since k) as [? [? ?]]. eapply D; eauto.
  - unfold end_await. destruct (find_task t k) as [x|]; auto. destruct (existsb _ _); auto.
    set (k1 := in_task t _ k). assert (H1 : Listed tk [] [] k1) by exact H.
    set (k2 := match on with Some f => _ | None => _ end).
    assert (H2 : Listed tk [] [] k2).
    { unfold k2. destruct on; auto. eapply listed_same; [apply same_in_future|exact H1].
      intro. simpl. apply calls_of_remove_wake. }
    destruct (_ && _); auto. apply listed_wake; auto.
  - unfold abort. destruct (find_task t k) as [x|]; auto. destruct (t_ended x); auto. simpl.
    destruct (t_running x); [exact H|]. apply listed_wake. exact H.
  - assert (Q : Listed tk [] [] (fst (uncancel t k))).
    { unfold uncancel. destruct (find_task t k) as [x|]; auto. destruct (t_cancels x); auto. simpl.
      destruct (n =? 0); exact H. }
    destruct (uncancel t k). eapply D; eauto.
  - apply listed_cancel_task; auto. intros. apply listed_cancel; auto.
  - unfold task_release. destruct (find_task t k) as [x|]; auto. apply listed_release. exact H.
  - specialize (NF rule). destruct (future_new rule k). eapply D; eauto.
  - pose proof (listed_release tk f k H). destruct (future_release f k). eapply D; eauto.
  - apply listed_cancel. exact H.
  - pose proof (listed_on_done tk f k H). destruct (on_done f k). eapply D; eauto.
  - eapply listed_same; [apply same_in_future|exact H]. auto.
  - eapply D; [exact A|]. exact H.
  - assert (Q : Listed tk [] [] (fst (take_message f k))).
    { unfold take_message. destruct (find_future f k) as [y|]; auto. simpl. destruct (f_message_once y); auto.
      eapply listed_same; [apply same_in_future|exact H]; auto. }
    destruct (take_message f k). eapply D; eauto.
  - pose proof (listed_call_soon tk a0 k H). destruct (call_soon a0 k). eapply D; eauto.
  - pose proof (listed_arm tk d a0 k H). destruct (arm d a0 k). eapply D; eauto.
  - unfold is_taken in B. simpl in B. destruct tk as [[u|d]|]; simpl in B; try discriminate.
    apply Nat.eqb_eq in B. subst d. pose proof (listed_begin_call c k H).
    destruct (begin_call c k). injection A as <- _. auto.
Qed.
