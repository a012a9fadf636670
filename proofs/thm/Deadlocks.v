(** Where a run says that it is deadlocked, nothing can happen any more, and it names who waits. *)
From Coq Require Import List Arith NArith Lia Bool Sorted.
From Seedloop.Spec Require Import Map Kernel Machine Program.
From Seedloop.Thm Require Import Lists Handles Theorems Programs.
Import ListNotations.

(** ** The tasks stand in order *)

Definition task_ids k : list nat := map fst (tasks k).

Lemma ids_update {A} t (g : A -> A) l : map fst (update t g l) = map fst l.
Proof. induction l as [|[u x] l IH]; simpl; auto. destruct (t =? u); simpl; congruence. Qed.
Lemma ids_remove {A} t (l : list (nat * A)) : map fst (remove t l) = filter (fun u =>
  negb (t =? u)) (map fst l).
Proof. induction l as [|[u x] l IH]; simpl; auto. destruct (t =? u); simpl; congruence. Qed.

(** The tasks are the same, or the new ones stand before the others. *)
Definition same_ids k k' : Prop := task_ids k' = task_ids k /\ next_task k' = next_task k.
Lemma si_refl k : same_ids k k. Proof. split; auto. Qed.
Lemma si_trans a b c : same_ids a b -> same_ids b c -> same_ids a c.
Proof. intros [A B] [C D]. split; congruence. Qed.
Lemma si_fields k k' : tasks k' = tasks k -> next_task k' = next_task k -> same_ids k k'.
Proof. intros E N. unfold same_ids, task_ids. rewrite E. auto. Qed.
Lemma si_in_task t g k : same_ids k (in_task t g k).
Proof. split; auto. apply ids_update. Qed.
Lemma si_fold {A} (g : kernel -> A -> kernel) l : (forall k x, same_ids k (g k x)) ->
  forall k, same_ids k (fold_left g l k).
Proof.
  intro G. induction l as [|x l IH]; simpl; intro k; [apply si_refl|].
  eapply si_trans; [apply G|apply IH].
Qed.
Ltac same_field := apply si_fields; reflexivity.
#[local] Hint Resolve si_refl si_in_task : core.

Lemma si_wake t k : same_ids k (fst (wake t k)).
Proof.
  unfold wake. destruct (find_task t k); auto. destruct (_ || _); auto.
  eapply si_trans; [apply (si_in_task t (set_queued true))|same_field].
Qed.
Lemma si_run cbs k : same_ids k (fold_left run_callback cbs k).
Proof. apply si_fold. intros k0 [t|c]; [apply si_wake|same_field]. Qed.
Lemma si_settle f s m o k : same_ids k (fst (settle f s m o k)).
Proof.
  unfold settle. destruct (find_future f k) as [y|]; auto. destruct (is_pending _); auto. simpl.
  eapply si_trans; [|apply si_run]. destruct (f_observed y); same_field.
Qed.
Lemma si_fire l k : same_ids k (fold_left fire l k).
Proof. apply si_fold. intros. same_field. Qed.
Lemma si_collect k : same_ids k (collect_due k).
Proof. unfold collect_due. destruct (due _ _). eapply si_trans; [|apply si_fire]. same_field. Qed.
Lemma si_begin_iteration k : same_ids k (fst (begin_iteration k)).
Proof.
  unfold begin_iteration. set (k0 := set_iteration _ k). assert (Q : same_ids k k0) by same_field.
  assert (B : forall k1, same_ids k k1 ->
    same_ids k (set_batch (length (ready (collect_due k1))) (collect_due k1))).
  { intros k1 G. eapply si_trans; [exact G|]. eapply si_trans; [apply si_collect|]. same_field. }
  destruct (ready k0), (stopping k0), (next_deadline k0); simpl; auto.
  destruct (time_ltb _ _); simpl; auto; apply B; same_field.
Qed.
Lemma si_slip k : same_ids k (fst (slip k)).
Proof.
  unfold slip. destruct (next_deadline k); auto. destruct (time_ltb _ _); auto.
  eapply si_trans; [|apply si_collect]. same_field.
Qed.
Lemma si_begin_step t k : same_ids k (fst (begin_step t k)).
Proof.
  unfold begin_step. destruct (find_task t k) as [x|]; auto. destruct (t_ended x); simpl; auto.
  destruct (t_aborted x || _); simpl; auto. destruct (is_some _); auto.
  eapply si_trans; [apply si_in_task|same_field].
Qed.
Lemma si_poll_await t on since k : same_ids k (fst (poll_await t on since k)).
Proof.
  unfold poll_await. destruct (find_task t k) as [x|]; auto. cbv zeta.
  destruct since as [n|].
  - set (told := if n <? t_step x then t_told x else None).
    assert (Q : same_ids k (if is_some told then in_task t (set_told_taken true) k else k))
      by (destruct (is_some told); auto).
    destruct told; simpl; auto. destruct on; simpl; auto.
    destruct (match state_of _ _ with Cancelled => true | _ => false end); auto.
  - destruct (match on with Some f => _ | None => _ end); simpl; auto.
    destruct on; [|eapply si_trans; [apply si_in_task|apply si_wake]].
    eapply si_trans; [apply si_in_task|same_field].
Qed.
Lemma si_end_await t on n k : same_ids k (end_await t on n k).
Proof.
  unfold end_await. destruct (find_task t k) as [x|]; auto. destruct (existsb _ _); auto.
  set (k1 := in_task t _ k). assert (Q : same_ids k k1) by apply si_in_task.
  set (k2 := match on with Some f => _ | None => _ end).
  assert (Q2 : same_ids k k2) by (unfold k2; destruct on; auto).
  destruct (_ && _); auto. eapply si_trans; [exact Q2|apply si_wake].
Qed.

Section Cancel.
Variable cf : list nat -> message -> kernel -> nat -> kernel * bool.
Hypothesis H : forall path m k f, same_ids k (fst (cf path m k f)).
Lemma si_refuse path m l : forall c, same_ids (fst c) (fst (fold_left (refuse_or cf path m) l c)).
Proof using H.
  induction l as [|o l IH]; simpl; intro c; auto. eapply si_trans; [|apply IH]. unfold refuse_or.
  destruct c as [k r], o as [f|]; auto. specialize (H path m k f). destruct (cf path m k f).
  exact H.
Qed.
Lemma si_any path m l : forall c, same_ids (fst c) (fst (fold_left (any_or cf path m) l c)).
Proof using H.
  induction l as [|f l IH]; simpl; intro c; auto. eapply si_trans; [|apply IH]. unfold any_or.
  destruct c as [k r]. specialize (H path m k f). destruct (cf path m k f). exact H.
Qed.
Lemma si_tell path m t k : same_ids k (tell_with cf path m t k).
Proof using H.
  unfold tell_with. destruct (find_task t k) as [x|]; auto. cbv zeta.
  match goal with |- context[fold_left (refuse_or cf ?p m) ?l ?c] =>
    pose proof (si_refuse p m l c) as Q; destruct (fold_left (refuse_or cf p m) l c) as [k1 r] end.
  cbn [fst] in Q. destruct r; auto. destruct (awaits_closing x k1).
  - eapply si_trans; [exact Q|apply si_in_task].
  - eapply si_trans; [exact Q|]. eapply si_trans; [apply si_in_task|apply si_wake].
Qed.
Lemma si_cancel_task_with path m t k : same_ids k (fst (cancel_task_with cf path m t k)).
Proof using H.
  unfold cancel_task_with. destruct (find_task t k) as [x|]; auto. destruct (_ || _); auto.
  cbv zeta.
  set (k1 := note (EAsk t) _). assert (Q : same_ids k k1).
  { eapply si_trans; [apply (si_in_task t (fun x => set_cancels (S (t_cancels x)) x))|same_field]. }
  destruct (t_running x); simpl; (eapply si_trans; [exact Q|]); auto. apply si_tell.
Qed.
End Cancel.
Lemma si_cancel_future n : forall path m k f, same_ids k (fst (cancel_future n path m k f)).
Proof.
  induction n as [|n IH]; intros path m k f; simpl; auto. destruct (find_future f k) as [y|]; auto.
  destruct (f_state y); auto. destruct (f_on_cancel y) as [|t|fs]; auto.
  - apply si_settle.
  - apply si_cancel_task_with. auto.
  - pose proof (si_any _ IH path m fs (k, false)) as Q.
    destruct (fold_left _ fs (k, false)) as [k1 any]. cbn [fst] in *. destruct any; auto.
Qed.
Lemma si_end_step t e k : same_ids k (end_step t e k).
Proof.
  unfold end_step. destruct (find_task t k) as [x|]; auto. cbv zeta.
  set (k1 := if t_told_taken x then _ else _).
  assert (Q : same_ids k k1) by (unfold k1; destruct (t_told_taken x); auto; same_field).
  destruct e as [|e].
  - set (k2 := in_task t _ k1). set (k3 := match asked x with Some m => tell m t k2 | None =>
    k2 end).
    assert (Q3 : same_ids k k3).
    { eapply si_trans; [exact Q|]. eapply si_trans; [exact (si_in_task t _ k1 : same_ids k1 k2)|].
      unfold k3.
      destruct (asked x); auto. apply si_tell. apply si_cancel_future. }
    destruct (t_aborted x); auto. eapply si_trans; [exact Q3|apply si_wake].
  - destruct (outcome e (asked x)) as [[s m] o]. eapply si_trans; [exact Q|].
    eapply si_trans; [apply si_in_task|]. eapply si_trans; [|apply si_settle].
    apply si_fold. intros. same_field.
Qed.

Definition ordered k : Prop := StronglySorted (fun t u => u < t) (task_ids k) /\
  forall t, In t (task_ids k) -> t < next_task k.
Lemma ordered_same k k' : same_ids k k' -> ordered k -> ordered k'.
Proof. intros [E N] [S L]. unfold ordered. rewrite E, N. auto. Qed.

Lemma ordered_apply m o m' a : apply m o = Some (m', a) -> ordered (kern m) -> ordered (kern m').
Proof.
  intros A O. destruct m as [k tk rn]. cbn [kern] in *.
  assert (F : forall k', same_ids k k' -> ordered k') by (intros k' Q; eapply ordered_same; eauto).
  destruct o; cbn [apply kern taken running] in *; unfold when, plain, with_bool, same in A;
    repeat match type of A with
    | (if ?b then _ else _) = _ => destruct b eqn:?; [|discriminate]
    end;
    try (injection A as <- _; cbn [kern fst snd]; apply F; first
      [ same_field | apply si_slip | apply si_wake | apply si_end_step | apply si_end_await
      | apply si_settle | apply si_cancel_future | apply si_in_task
      | apply si_cancel_task_with; apply si_cancel_future ]; fail).
  - pose proof (si_begin_iteration k) as Q. destruct (begin_iteration k). injection A as <- _. auto.
  - destruct (take index k) as [[k1 h]|] eqn:T; [|discriminate]. injection A as <- _. apply F.
    unfold take in T. destruct (nth_error _ _); [|discriminate]. injection T as <- _. same_field.
  - unfold spawn, future_new in A. cbv zeta in A. injection A as <- _. cbn [kern].
    eapply ordered_same; [apply si_wake|]. destruct O as [S L]. split; simpl.
    + constructor; auto. apply Forall_forall. exact L.
    + intros t [<-|J]; [lia|]. specialize (L t J). lia.
  - pose proof (si_begin_step t k) as Q. destruct (begin_step t k). injection A as <- _. auto.
  - pose proof (si_poll_await t on since k) as Q. destruct (poll_await t on since k) as [k1 [q s]].
    injection A as <- _. auto.
  - injection A as <- _. apply F. unfold abort. destruct (find_task t k) as [x|]; auto.
    destruct (t_ended x); auto. simpl. destruct (t_running x); auto.
    eapply si_trans; [apply si_in_task|apply si_wake].
  - assert (Q : same_ids k (fst (uncancel t k))).
    { unfold uncancel. destruct (find_task t k) as [x|]; auto. destruct (t_cancels x); auto. simpl.
      destruct (_ =? 0); auto. eapply si_trans; [apply si_in_task|apply si_in_task]. }
    destruct (uncancel t k). injection A as <- _. auto.
  - injection A as <- _. cbn [kern]. unfold task_release. destruct (find_task t k) as [x|]; auto.
    set (k1 := set_tasks _ k). assert (O1 : ordered k1).
    { destruct O as [S L]. unfold ordered, task_ids, k1. simpl. rewrite ids_remove. split.
      - apply sorted_filter. exact S.
      - intros u J. apply filter_In in J as [J _]. auto. }
    eapply ordered_same; [|exact O1]. unfold future_release.
    destruct (find_future (t_future x) k1); auto. same_field.
  - unfold future_release in A. destruct (find_future f k); injection A as <- _; apply F; auto.
    same_field.
  - assert (Q : same_ids k (fst (on_done f k))).
    { unfold on_done. destruct (is_done f k); same_field. }
    destruct (on_done f k). injection A as <- _. auto.
  - injection A as <- _. apply F. unfold remove_on_done. destruct (find_future f k); auto.
    destruct (existsb _ _); auto. same_field.
  - assert (Q : same_ids k (fst (take_message f k))).
    { unfold take_message. destruct (find_future f k) as [y|]; auto.
      destruct (f_message_once y); auto. same_field. }
    destruct (take_message f k). injection A as <- _. auto.
  - injection A as <- _. apply F. unfold cancel_call. destruct (find c (calls k)) as [x|]; auto.
    destruct (c_place x); auto; same_field.
  - assert (Q : same_ids k (fst (begin_call c k))).
    { unfold begin_call. destruct (find c (calls k)) as [x|]; auto.
      destruct (c_place x), (c_action x); try same_field; (eapply si_trans; [|apply si_settle];
        same_field). }
    destruct (begin_call c k). injection A as <- _. auto.
Qed.

Lemma ordered_accept l : forall m m', accept m l = Some m' -> ordered (kern m) -> ordered (kern m').
Proof.
  induction l as [|[o a] l IH]; simpl; intros m m' A O; [injection A as <-; auto|].
  unfold check_op in A. destruct (apply m o) as [[m1 b]|] eqn:E; [|discriminate].
  destruct (same_answer b a); [|discriminate]. eapply IH; [exact A|]. eapply ordered_apply; eauto.
Qed.

Lemma live_in k t : ordered k -> In t (live_tasks k) <->
  exists x, find_task t k = Some x /\ t_ended x = false.
Proof.
  intros [S _]. unfold live_tasks, find_task. unfold task_ids in S. rewrite <- in_rev.
  induction (tasks k) as [|[u x] l IH]; simpl.
  - split; [intros []|intros (x & E & _); discriminate].
  - simpl in S. inversion S as [|? ? S1 S2]; subst. rewrite Forall_forall in S2.
    destruct (t_ended x) eqn:EN; simpl.
    + rewrite IH; auto. destruct (Nat.eqb_spec t u) as [->|]; [|tauto].
      split; [|intros (y & E & L); injection E as <-; congruence].
      intros (y & E & _). exfalso. assert (J : In u (map fst l)); [|specialize (S2 u J); lia].
      clear - E. induction l as [|[v z] l IH]; simpl in *; [discriminate|].
      destruct (Nat.eqb_spec u v); auto.
    + rewrite IH; auto. destruct (Nat.eqb_spec t u) as [->|NE].
      * split; [|auto]. intros _. eauto.
      * split; [intros [Q|Q]; [congruence|auto]|auto].
Qed.
Lemma sorted_rev l : StronglySorted (fun t u => u < t) l -> StronglySorted lt (rev l).
Proof.
  induction 1 as [|t l S IH F]; simpl; [constructor|]. clear S. rewrite Forall_forall in F.
  assert (G : forall u, In u (rev l) -> u < t) by (intros u J; apply F; apply in_rev; auto).
  clear F. induction (rev l) as [|u r IHr]; simpl; [repeat constructor|].
  inversion IH; subst. constructor.
  - apply IHr; auto. intros v J. apply G. right. auto.
  - apply Forall_app. split; auto. constructor; auto. apply G. left. auto.
Qed.
Lemma live_sorted k : ordered k -> StronglySorted lt (live_tasks k).
Proof.
  intros [S _]. unfold live_tasks. apply sorted_rev. unfold task_ids in S.
  induction (tasks k) as [|[u x] l IH]; simpl in *; [constructor|].
  inversion S as [|? ? S1 S2]; subst.
  destruct (t_ended x); simpl; auto. constructor; auto. rewrite Forall_forall in *. intros v J.
  apply S2.
  apply in_map_iff in J as (e & <- & J). apply filter_In in J as [J _]. apply in_map. auto.
Qed.

(** ** What a deadlock says *)

Section Run.
Variable p : program.
Variable fuel : nat.

Definition names_of (ts : list task_id) (w : world) : list label :=
  flat_map (fun t => of_option (label_of t w)) ts.
(** It is over, nothing can happen, and these are the tasks that have not ended. *)
Definition stuck (l : list label) w : Prop := is_over w = true /\
  ready (kernel_of w) = [] /\ timers (kernel_of w) = [] /\
    l = names_of (live_tasks (kernel_of w)) w.

Lemma no_deadlock_in_next w l : In (Deadlock l) (ends (next_phase w)) -> In (Deadlock l) (ends w).
Proof.
  unfold next_phase. cbv zeta. set (w1 := asks _ w).
  assert (E1 : ends w1 = ends w) by (unfold w1, asks, ends; rewrite rest_of_ask; auto).
  rewrite <- E1. clearbody w1. clear E1.
  assert (UD : forall f ph w, ends (until_done f ph w) = ends w).
  { intros f ph w0. unfold until_done. pose proof (in_when_done f Stop w0) as (_ & E & _).
    destruct (when_done f Stop w0). exact E. }
  assert (SD : forall more w, ends (shut_down more w) = ends w).
  { intros more w0. unfold shut_down. pose proof (in_start_task None [] w0) as (_ & E & _).
    destruct (start_task None [] w0) as [w2 f]. rewrite UD. exact E. }
  assert (CU : forall w, ends (clean_up w) = ends w).
  { intros w0. unfold clean_up. destruct (live_tasks (kernel_of w0)) as [|t ts]; [apply SD|].
    set (w2 := fold_left _ (t :: ts) w0).
    assert (E1 : ends w2 = ends w0).
    { assert (J : inside w0 w2) by (apply inside_fold; intros; apply in_asks; exact I). apply J. }
    match goal with |- context[start_gathering ?l true w2] =>
      pose proof (in_start_gathering l true w2) as (_ & E2 & _);
        destruct (start_gathering l true w2) end.
    rewrite UD. cbn [fst] in E2. congruence. }
  destruct (at_phase (rest_of w1)) as [|ts|[|more]|]; auto.
  - pose proof (in_outcome (target (rest_of w)) w1) as (_ & E & _).
    destruct (outcome_now (target (rest_of w)) w1) as [w2 r]. cbn [fst] in E. rewrite CU, <- E.
    destruct r; intros [J|J]; try discriminate; exact J.
  - rewrite SD. assert (J : inside w1 (fold_left report_left ts w1)).
    { apply inside_fold. intros w0 t. unfold report_left.
      destruct (settled_of _ w0) as [| |[]]; try apply inside_refl. apply in_say. auto. }
    destruct J as (_ & E & _). rewrite E. auto.
  - rewrite SD. auto.
Qed.

Lemma step_deadlock i w l : In (Deadlock l) (ends (step_at p fuel i w)) ->
  In (Deadlock l) (ends w) \/ stuck l (step_at p fuel i w).
Proof.
  unfold step_at. destruct (batch (kernel_of w) =? 0).
  - unfold begin_loop. unfold ask. destruct (apply (machine_of (core_of w)) OBeginIteration) as [[m
    a]|] eqn:A;
      [|auto]. destruct a; auto. destruct t; auto. intros [J|J]; [|left; exact J]. right.
    pose proof (proj1 (idle_iff _ _ _ A) eq_refl) as (R & T & _). injection J as <-.
    assert (K : ready (kern m) = [] /\ timers (kern m) = []).
    { cbn [apply] in A. unfold when in A. destruct (at_rest _); [|discriminate].
      unfold begin_iteration in A. set (k0 := set_iteration _ _) in A.
      change (ready k0) with (ready (kern (machine_of (core_of w)))) in A.
      destruct (stopping k0) eqn:ST; rewrite R in A; unfold next_deadline in A;
        change (timers k0) with (timers (kern (machine_of (core_of w)))) in A; try rewrite T in A;
        [discriminate|injection A as <-; auto]. }
    destruct K as [K1 K2]. repeat split; auto.
  - unfold run_nth. intro J. left.
    assert (E1 : ends (fst (ask (OTake i) w)) = ends w) by (unfold ends; rewrite rest_of_ask; auto).
    rewrite <- E1. destruct (ask (OTake i) w) as [w1 a]. cbn [fst]. destruct a; auto. cbv zeta in J.
    destruct (in_run_handle p fuel h w1) as (_ & E2 & _). rewrite <- E2.
    destruct (_ && _); auto. apply no_deadlock_in_next in J. unfold asks, ends in J.
    rewrite rest_of_ask in J. exact J.
Qed.

Lemma run_deadlock l : forall steps choices w,
  (In (Deadlock l) (ends w) -> stuck l w) ->
  In (Deadlock l) (ends (fst (run p fuel steps choices w))) ->
  stuck l (fst (run p fuel steps choices w)).
Proof.
  induction steps as [|n IH]; intros cs w H J; auto. cbn [run] in *.
  destruct (step p fuel cs w) as [[[w1 cs1] picked]|] eqn:S; auto.
  pose proof (every_choice_is_legal _ _ _ _ _ _ _ S) as L.
  assert (X : exists i, w1 = step_at p fuel i w).
  { destruct (menu w) as [m|]; [destruct L as (i & _ & _ & _ & L)|destruct L as (_ & _ & L)]; eauto.
    }
  destruct X as (i & ->). specialize (IH cs1 (step_at p fuel i w)).
  destruct (run p fuel n cs1 (step_at p fuel i w)) as [w2 ps]. cbn [fst] in *. apply IH; auto.
  intro J1. apply step_deadlock in J1 as [J1|J1]; auto.
  (* Who is stuck takes no step. *)
  exfalso. destruct (H J1) as (O & _). unfold step in S. rewrite O in S. discriminate.
Qed.
End Run.

(** A6 for programs: where a run says that it is deadlocked, nothing is ready and no timer is armed;
    it names the tasks that have not ended, all of them, in order of creation. (A task of
    [asyncio.run] itself has no name.) *)
Theorem deadlock_names_who_waits : forall p fuel steps choices line l,
  let w := fst (run p fuel steps choices (init p)) in
  In line (lines (rest_of w)) -> l_said line = Deadlock l ->
  ready (kernel_of w) = [] /\ timers (kernel_of w) = [] /\
  exists ts, l = flat_map (fun t => of_option (label_of t w)) ts /\ StronglySorted lt ts /\
    forall t, In t ts <-> exists x, find_task t (kernel_of w) = Some x /\ t_ended x = false.
Proof.
  intros p fuel steps cs ln l w J E.
  assert (X : In (Deadlock l) (ends w)).
  { unfold ends. apply filter_In. split; auto. rewrite <- E. apply in_map. auto. }
  assert (ST : stuck l w).
  { apply run_deadlock; [|exact X]. intro Q. exfalso.
    assert (M : ends (init p) = []); [|rewrite M in Q; destruct Q].
    unfold init. destruct (start_task _ _ nowhere) as [w0 f] eqn:S. vm_compute in S.
    injection S as <- <-.
    match goal with |- ends (fold_left new_plain ?l ?w1) = [] =>
      assert (N : inside w1 (fold_left new_plain l w1)) end.
    { apply inside_fold. intros w1 h. unfold new_plain, answered_future.
      pose proof (inside_ask (OFutureNew Itself) w1 I) as N. destruct (ask (OFutureNew Itself) w1)
        as [w2 a].
      eapply inside_trans; [exact N|]. apply inside_same; auto. apply adds_none. auto. }
    destruct N as (_ & N & _). rewrite N. reflexivity. }
  destruct ST as (_ & R & T & L).
  assert (O : ordered (kernel_of w)).
  { eapply ordered_accept; [apply (run_is_accepted p fuel steps cs)|].
    split; simpl; [constructor|intros t []]. }
  split; auto. split; auto. exists (live_tasks (kernel_of w)). split; [exact L|].
  split; [apply live_sorted; auto|]. intro t. apply live_in. auto.
Qed.
