(** A request to cancel is delivered at most once. *)
From Coq Require Import List Arith NArith Lia Bool.
From Seedloop.Spec Require Import Map Kernel Machine.
From Seedloop.Thm Require Import Lists Waits Requests.
Import ListNotations.

Lemma deliveries_less l k k' : Deliveries l k ->
  (forall t, requests t k' = requests t k) -> (forall t, deliveries t k' = deliveries t k) ->
  (forall t, outstanding t k' <= outstanding t k) -> Deliveries l k'.
Proof. intros H A B C t. specialize (H t). rewrite A, B. specialize (C t). lia. Qed.

Lemma deliveries_frame l k k' : Deliveries l k -> history k' = history k -> tasks k' = tasks k -> Deliveries l k'.
Proof. intros H A B t. specialize (H t). unfold requests, deliveries, outstanding in *. rewrite A, B. auto. Qed.

Lemma outstanding_task t g k u : outstanding u (in_task t g k) =
  if t =? u then match find u (tasks k) with Some x => weight (g x) | None => 0 end else outstanding u k.
Proof.
  unfold outstanding. simpl. rewrite find_update. destruct (t =? u); auto. destruct (find u (tasks k)); auto.
Qed.

Lemma deliveries_in_task l t g k : Deliveries l k -> (forall x, weight (g x) <= weight x) ->
  Deliveries l (in_task t g k).
Proof.
  intros H G u. specialize (H u). rewrite outstanding_task. unfold requests, deliveries in *. simpl.
  unfold outstanding in H. destruct (Nat.eqb_spec t u); [|exact H].
  destruct (find u (tasks k)) as [x|]; auto. specialize (G x). lia.
Qed.

Lemma deliveries_wake l t k : Deliveries l k -> Deliveries l (fst (wake t k)).
Proof.
  intro H. unfold wake. destruct (find_task t k); auto. destruct (_ || _); auto. simpl.
  assert (H1 : Deliveries l (in_task t (set_queued true) k)) by (apply deliveries_in_task; auto).
  intro u. exact (H1 u).
Qed.
Lemma deliveries_note l e k : Deliveries l k -> (forall t, is_ask t e = false /\ is_delivery t e = false) ->
  Deliveries l (note e k).
Proof.
  intros H N t. specialize (H t). destruct (N t) as [A B]. unfold requests, deliveries, outstanding in *.
  simpl. rewrite A, B. auto.
Qed.
Lemma deliveries_run l cbs : forall k, Deliveries l k -> Deliveries l (fold_left run_callback cbs k).
Proof.
  induction cbs as [|[t|c] cbs IH]; simpl; intros k H; [auto| |]; apply IH.
  - apply deliveries_wake; auto.
  - intro u. exact (H u).
Qed.
Lemma deliveries_settle l f s m once k : Deliveries l k -> Deliveries l (fst (settle f s m once k)).
Proof.
  intro H. unfold settle. destruct (find_future f k) as [y|]; auto. destruct (is_pending _); auto. simpl.
  apply deliveries_run. set (k1 := note _ _).
  assert (H1 : Deliveries l k1) by (apply deliveries_note; auto).
  destruct (f_observed y); auto.
Qed.

Section Cancel.
Variable cf : list task_id -> message -> kernel -> future_id -> kernel * bool.
Hypothesis IH : forall path m k f l, Deliveries l k -> Deliveries l (fst (cf path m k f)).
Hypothesis IHk : forall path m k f, keeps k (fst (cf path m k f)).

Lemma deliveries_refuse l path m ons : forall c, Deliveries l (fst c) ->
  Deliveries l (fst (fold_left (refuse_or cf path m) ons c)).
Proof.
  induction ons as [|on ons IHl]; simpl; auto. intros [k b] H. apply IHl. unfold refuse_or.
  destruct on as [f|]; auto. specialize (IH path m k f l H). destruct (cf path m k f). auto.
Qed.
Lemma deliveries_any l path m fs : forall c, Deliveries l (fst c) ->
  Deliveries l (fst (fold_left (any_or cf path m) fs c)).
Proof.
  induction fs as [|f fs IHl]; simpl; auto. intros [k b] H. apply IHl. unfold any_or.
  specialize (IH path m k f l H). destruct (cf path m k f). auto.
Qed.

Lemma deliveries_drop l t k : Deliveries (t :: l) k -> Deliveries l k.
Proof. intros H u. specialize (H u). simpl in H. lia. Qed.

(** A request is asked: it was due. *)
Lemma deliveries_ask l t m k : Deliveries (t :: l) k -> Deliveries l (in_task t (set_must_cancel (Some m)) k).
Proof.
  intros H u. specialize (H u). rewrite outstanding_task. unfold requests, deliveries in *. simpl in *.
  rewrite (Nat.eqb_sym u t) in H. unfold outstanding in *. destruct (t =? u); [|lia].
  destruct (find u (tasks k)) as [x|]; [|lia]. unfold weight, one in *. simpl.
  destruct (is_some (t_must_cancel x)), (is_some (t_told x)); lia.
Qed.

Lemma deliveries_tell l path m t k : Deliveries (t :: l) k -> Deliveries l (tell_with cf path m t k).
Proof.
  intro H. unfold tell_with. destruct (find_task t k) as [x|]; [|eapply deliveries_drop; eauto].
  match goal with |- context[fold_left ?g ?ons ?c] =>
    pose proof (deliveries_refuse (t :: l) (t :: path) m ons c H) as H1 end.
  destruct (fold_left _ _ _) as [k1 refused]. simpl in H1. destruct refused; [|eapply deliveries_drop; eauto].
  destruct (awaits_closing x k1); [|apply deliveries_wake]; apply deliveries_ask; auto.
Qed.

Lemma deliveries_cancel_task l path m t k : Deliveries l k -> Deliveries l (fst (cancel_task_with cf path m t k)).
Proof.
  intro H. unfold cancel_task_with. destruct (find_task t k) as [x|]; auto. destruct (_ || _); auto.
  set (k1 := note _ _).
  assert (H1 : Deliveries (t :: l) k1).
  { assert (H0 : Deliveries l (in_task t (fun x => set_cancels (S (t_cancels x)) x) k))
      by (apply deliveries_in_task; auto).
    intro u. specialize (H0 u). unfold requests, deliveries, outstanding in *. simpl in *.
    destruct (u =? t); lia. }
  destruct (t_running x); simpl; [apply deliveries_ask|apply deliveries_tell]; auto.
Qed.
End Cancel.

Lemma deliveries_cancel fuel : forall path m k f l, Deliveries l k ->
  Deliveries l (fst (cancel_future fuel path m k f)).
Proof.
  induction fuel as [|fuel IH]; simpl; auto. intros path m k f l H.
  destruct (find_future f k) as [y|]; auto. destruct (f_state y); auto. destruct (f_on_cancel y).
  - apply deliveries_settle; auto.
  - apply deliveries_cancel_task; auto.
  - pose proof (deliveries_any _ IH l path m fs (k, false) H) as H1.
    destruct (fold_left _ fs (k, false)) as [k1 any]. simpl in *. destruct any; auto.
Qed.

Lemma deliveries_fire l ws : forall k, Deliveries l k -> Deliveries l (fold_left fire ws k).
Proof.
  induction ws as [|w ws IH]; simpl; intros k H; [auto|]. apply IH. intro u. exact (H u).
Qed.
Lemma deliveries_collect l k : Deliveries l k -> Deliveries l (collect_due k).
Proof.
  intro H. unfold collect_due. destruct (due _ _). apply deliveries_fire. apply deliveries_frame with k; auto.
Qed.
Lemma deliveries_begin_iteration l k : Deliveries l k -> Deliveries l (fst (begin_iteration k)).
Proof.
  intro H. unfold begin_iteration. set (k1 := set_iteration _ k).
  assert (C : forall k2, Deliveries l k2 -> Deliveries l (set_batch (length (ready (collect_due k2))) (collect_due k2))).
  { intros k2 H2. apply deliveries_frame with (collect_due k2); auto. apply deliveries_collect; auto. }
  assert (H1 : Deliveries l k1) by (apply deliveries_frame with k; auto).
  destruct (ready k1), (stopping k1), (next_deadline k1); simpl; try (destruct (time_ltb _ _)); simpl; auto.
Qed.

Lemma deliveries_begin_step l t k : Deliveries l k ->
  (forall x, find t (tasks k) = Some x -> t_told x = None) -> Deliveries l (fst (begin_step t k)).
Proof.
  intros H N. unfold begin_step, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  specialize (N x eq_refl).
  destruct (t_ended x); [apply deliveries_in_task; auto|].
  assert (G : forall told, Deliveries l (in_task t (fun _ => Task (t_future x) (S (t_step x)) false true false
      (t_aborted x) (t_awaits x) None told (t_told_taken x) (t_cancels x)) k) \/ is_some told = true).
  { intros [m|]; auto. left. intro u. specialize (H u). rewrite outstanding_task. unfold requests, deliveries in *.
    simpl. unfold outstanding in H. destruct (t =? u); [|exact H]. destruct (find u (tasks k)); unfold weight, one; simpl; lia. }
  destruct (t_aborted x || _) eqn:B; simpl.
  - destruct (is_some (t_must_cancel x)) eqn:M; [|destruct (G None); [auto|discriminate]].
    intro u. specialize (H u). unfold requests, deliveries, outstanding in *. simpl. rewrite find_update.
    destruct (Nat.eqb_spec t u).
    + subst u. rewrite E in *. rewrite Nat.eqb_refl. unfold weight, one in *. simpl. rewrite M in H. lia.
    + destruct (Nat.eqb_spec u t); [congruence|]. exact H.
  - intro u. specialize (H u). rewrite outstanding_task. unfold requests, deliveries in *. simpl.
    unfold outstanding in H. destruct (Nat.eqb_spec t u); [|exact H]. subst u. rewrite E in *.
    unfold weight, one in *. simpl. rewrite N in H. simpl in H. lia.
Qed.

Lemma deliveries_end_step l t e k : Deliveries l k ->
  (forall x, find t (tasks k) = Some x -> t_told_taken x = true -> t_told x <> None) ->
  Deliveries l (end_step t e k).
Proof.
  intros H N. unfold end_step, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  specialize (N x eq_refl).
  set (k1 := if t_told_taken x then _ else k).
  assert (T1 : tasks k1 = tasks k) by (unfold k1; destruct (t_told_taken x); auto).
  assert (D1 : forall u, requests u k1 = requests u k /\
    deliveries u k1 = deliveries u k + (if t =? u then one (t_told_taken x) else 0)).
  { intro u. unfold k1, requests, deliveries. destruct (t_told_taken x); simpl; rewrite ?(Nat.eqb_sym u t);
      destruct (t =? u); simpl; lia. }
  assert (G : forall g, weight (g x) = 0 -> forall l', (l' = l \/ (l' = t :: l /\ is_some (asked x) = true)) ->
    Deliveries l' (in_task t g k1)).
  { intros g W l' L u. specialize (H u). destruct (D1 u) as [D2 D3].
    change (requests u (in_task t g k1)) with (requests u k1).
    change (deliveries u (in_task t g k1)) with (deliveries u k1). rewrite D2, D3, outstanding_task, T1.
    unfold outstanding in *. rewrite T1. destruct (Nat.eqb_spec t u).
    - subst u. rewrite E in *. rewrite W.
      assert (Q : one (t_told_taken x) + (if is_some (asked x) then 1 else 0) <= weight x).
      { unfold asked, weight, one, or_else in *. destruct (t_told_taken x).
        - destruct (t_told x); [|exfalso; apply N; auto]. destruct (t_must_cancel x); simpl; lia.
        - destruct (t_must_cancel x), (t_told x); simpl; lia. }
      destruct L as [->|[-> L]]; [|rewrite L in Q; simpl; rewrite Nat.eqb_refl]; lia.
    - destruct L as [->|[-> L]]; simpl; [lia|]. destruct (Nat.eqb_spec u t); [congruence|]. lia. }
  destruct e as [|e].
  - set (g := fun _ : task => _).
    set (k3 := match asked x with Some m => _ | None => _ end).
    assert (H3 : Deliveries l k3).
    { unfold k3. destruct (asked x) eqn:A; [|apply G; auto].
      apply deliveries_tell; [intros; apply deliveries_cancel; auto|]. apply G; auto. }
    destruct (t_aborted x); auto. apply deliveries_wake; auto.
  - destruct (outcome e (asked x)) as [[s m] once]. apply deliveries_settle.
    set (g := fun _ : task => _).
    assert (R : forall fs k, Deliveries l k -> Deliveries l (fold_left (fun k f => remove_wake f t k) fs k)).
    { induction fs as [|f fs IH]; simpl; auto. }
    apply R, G; auto.
Qed.

Theorem deliveries_apply m o m' a : apply m o = Some (m', a) -> Alive m -> Deliveries [] (kern m) ->
  Deliveries [] (kern m').
Proof.
  intros A [_ _ [RR RL RT] X] H. destruct m as [k tk rn]. simpl in *.
  assert (WH : forall b r, when b r = Some (m', a) -> b = true /\ r = Some (m', a))
    by (unfold when; intros [] r Q; [auto|discriminate]).
  assert (D : forall (c : kernel * answer), same (Machine k tk rn) c = Some (m', a) ->
    Deliveries [] (fst c) -> Deliveries [] (kern m')).
  { intros c Q Rc. unfold same in Q. injection Q as <- _. auto. }
  assert (F : forall k', history k' = history k -> tasks k' = tasks k -> Deliveries [] k')
    by (intros; eapply deliveries_frame; eauto).
  destruct o; cbn [apply kern taken running] in A; try (apply WH in A as [B A]);
    try (match type of A with plain _ _ = _ => idtac | with_bool _ _ = _ => idtac end;
         eapply D; [exact A|]); cbn [fst snd kern]; try (apply F; reflexivity);
    auto using deliveries_wake, deliveries_cancel, deliveries_settle.
  - pose proof (deliveries_begin_iteration [] k H). destruct (begin_iteration k). eapply D; eauto.
  - unfold slip. destruct (next_deadline k); auto. destruct (time_ltb _ _); auto. simpl.
    apply deliveries_collect. apply F; auto.
  - destruct (take index k) as [[k' h]|] eqn:T; [|discriminate]. injection A as <- _. simpl.
    unfold take in T. destruct (nth_error _ _); [|discriminate]. injection T as <- _.
    intro u. exact (H u).
  - assert (Q : Deliveries [] (fst (spawn k))).
    { unfold spawn. destruct (future_new _ _) as [k1 f] eqn:E. injection E as <- _. simpl.
      apply deliveries_wake. intro t. specialize (H t). unfold requests, deliveries, outstanding in *. simpl in *.
      destruct (t =? next_task k); unfold weight, one; simpl; [|exact H]. lia. }
    destruct (spawn k) as [? [? ?]]. eapply D; eauto.
  - unfold is_taken in B. simpl in B. destruct tk as [h|]; [|discriminate].
    assert (Q : rn = None) by (destruct X as [X|X]; [discriminate|auto]).
    assert (NT : forall x, find t (tasks k) = Some x -> t_told x = None).
    { intros x E. destruct (t_told x) eqn:T; auto. destruct (RT _ _ E) as [R1 _].
      assert (t_running x = true) as R2 by (apply R1; congruence). apply (RR _ _ E) in R2. congruence. }
    pose proof (deliveries_begin_step [] t k H NT). destruct (begin_step t k). injection A as <- _. auto.
  - injection A as <- _. apply deliveries_end_step; auto. intros x E. apply (RT _ _ E).
  - assert (Q : Deliveries [] (fst (poll_await t on since k))).
    { unfold poll_await. destruct (find_task t k) as [x|]; auto. destruct since as [n|]; simpl.
      - assert (C : Deliveries [] (in_task t (set_told_taken true) k)) by (apply deliveries_in_task; auto).
        destruct (n <? t_step x); [destruct (t_told x)|]; simpl;
          repeat match goal with |- context[if ?b then _ else _] => destruct b; simpl end; auto.
      - destruct (match on with Some f => _ | None => _ end); simpl; auto.
        set (g := fun x : task => _).
        assert (C : Deliveries [] (in_task t g k)) by (apply deliveries_in_task; auto).
        destruct on; [apply deliveries_frame with (in_task t g k); auto|apply deliveries_wake; auto]. }
    destruct (poll_await t on since k) as [? [? ?]]. eapply D; eauto.
  - unfold end_await. destruct (find_task t k) as [x|]; auto. destruct (existsb _ _); auto.
    set (k1 := in_task t _ k).
    assert (C : Deliveries [] k1) by (apply deliveries_in_task; auto).
    destruct (_ && _); [apply deliveries_wake|]; destruct on; auto; apply deliveries_frame with k1; auto.
  - unfold abort. destruct (find_task t k) as [x|]; auto. destruct (t_ended x); auto. simpl.
    assert (C : Deliveries [] (in_task t set_aborted k)) by (apply deliveries_in_task; auto).
    destruct (t_running x); auto. apply deliveries_wake; auto.
  - assert (Q : Deliveries [] (fst (uncancel t k))).
    { unfold uncancel. destruct (find_task t k) as [x|]; auto. destruct (t_cancels x); auto. simpl.
      assert (C : Deliveries [] (in_task t (set_cancels n) k)) by (apply deliveries_in_task; auto).
      destruct (n =? 0); auto. apply deliveries_in_task; auto. intro y. unfold weight. simpl. lia. }
    destruct (uncancel t k). eapply D; eauto.
  - apply deliveries_in_task; auto.
  - apply deliveries_cancel_task; auto. intros; apply deliveries_cancel; auto.
  - unfold task_release. destruct (find_task t k) as [x|]; auto.
    assert (C : Deliveries [] (set_tasks (remove t (tasks k)) k)).
    { intro u. specialize (H u). unfold requests, deliveries, outstanding in *. simpl in *. rewrite find_remove.
      destruct (t =? u); simpl; lia. }
    unfold future_release. destruct (find_future _ _); auto.
  - assert (Q : Deliveries [] (fst (future_new rule k))) by (apply F; auto).
    destruct (future_new rule k). eapply D; eauto.
  - assert (Q : Deliveries [] (fst (future_release f k)))
      by (unfold future_release; destruct (find_future f k); auto; apply F; auto).
    destruct (future_release f k). eapply D; eauto.
  - apply deliveries_cancel; auto.
  - assert (Q : Deliveries [] (fst (on_done f k))).
    { unfold on_done. destruct (is_done f k); [|apply F; auto]. intro u. exact (H u). }
    destruct (on_done f k). eapply D; eauto.
  - unfold remove_on_done. destruct (find_future f k); auto. destruct (existsb _ _); auto.
  - eapply D; [exact A|]. apply F; auto.
  - assert (Q : Deliveries [] (fst (take_message f k))).
    { unfold take_message. destruct (find_future f k) as [y|]; auto. simpl. destruct (f_message_once y); auto. }
    destruct (take_message f k). eapply D; eauto.
  - assert (Q : Deliveries [] (fst (call_soon a0 k))) by (intro u; exact (H u)).
    destruct (call_soon a0 k). eapply D; eauto.
  - assert (Q : Deliveries [] (fst (arm d a0 k))) by (apply F; auto).
    destruct (arm d a0 k). eapply D; eauto.
  - unfold cancel_call. destruct (find c (calls k)) as [x|]; auto. destruct (c_place x); auto; apply F; auto.
  - assert (Q : Deliveries [] (fst (begin_call c k))).
    { unfold begin_call. destruct (find c (calls k)) as [x|]; auto. set (k1 := set_calls _ k).
      assert (C : Deliveries [] k1) by (apply F; auto).
      destruct (c_place x), (c_action x); simpl; auto; apply deliveries_settle; auto. }
    destruct (begin_call c k). injection A as <- _. auto.
Qed.
