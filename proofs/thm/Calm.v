(** The kernel where nobody cancels: futures only get done, and no task is told of anything. *)
From Coq Require Import List Arith NArith Lia Bool.
From Seedloop.Spec Require Import Map Kernel Machine.
From Seedloop.Thm Require Import Lists.
Import ListNotations.

Record calm (k : kernel) : Prop := {
  c_task : forall t x, find t (tasks k) = Some x ->
    t_must_cancel x = None /\ t_told x = None /\ t_aborted x = false;
  c_future : forall f y, find f (futures k) = Some y ->
    f_state y <> Cancelled /\ f_cancel_requested y = false }.

Section Grows.
(** Futures that may be settled, calls that may be taken out of their future's callbacks, calls that
    may be cancelled, futures that a new call may resolve, and whether the loop may be stopped. *)
Variables (settles removes cancels resolves : nat -> Prop) (stops : Prop).

Record grows (k k' : kernel) : Prop := {
  gr_calm : calm k';
  gr_next_future : next_future k <= next_future k';
  gr_next_call : next_call k <= next_call k';
  gr_future : forall f y, find f (futures k) = Some y -> exists y',
    find f (futures k') = Some y' /\ f_on_cancel y' = f_on_cancel y /\
    (f_state y' = f_state y \/ f_state y = Pending /\ settles f) /\
    forall c, In (RunCall c) (f_callbacks y) ->
      f_state y' <> Pending \/ In (RunCall c) (f_callbacks y') \/ removes c;
  gr_new : forall f y', find f (futures k') = Some y' -> find f (futures k) = None ->
    f_state y' = Pending \/ settles f;
  gr_task : forall t x, find t (tasks k) = Some x -> exists x',
    find t (tasks k') = Some x' /\ t_future x' = t_future x;
  gr_call : forall c x', find c (calls k') = Some x' ->
    (exists x, find c (calls k) = Some x /\ c_action x' = c_action x /\
      (c_place x' = Dead -> c_place x = Dead \/ cancels c)) \/
    next_call k <= c /\ (c_place x' = Dead -> cancels c) /\
      match c_action x' with Resolve f => resolves f | Closure => True end;
  gr_stop : stopping k' = true -> stopping k = true \/ stops }.

Lemma grows_trans a b c : grows a b -> grows b c -> grows a c.
Proof.
  intros [_ A2 A3 A4 A5 A6 A7 A8] [B1 B2 B3 B4 B5 B6 B7 B8]. constructor; auto; try lia.
  - intros f y E. destruct (A4 f y E) as (y1 & E1 & O1 & S1 & C1).
    destruct (B4 f y1 E1) as (y2 & E2 & O2 & S2 & C2). exists y2. split; auto. split; [congruence|].
    split; [|].
    + destruct S1 as [S1|[S1 T1]]; auto. rewrite <- S1. auto.
    + intros d I. destruct (C1 d I) as [N|[I'|R]]; auto.
      destruct S2 as [S2|[S2 _]]; [|contradiction]. left. congruence.
  - intros f y2 E N. destruct (find f (futures b)) as [y1|] eqn:E1; [|apply (B5 f y2); auto].
    destruct (B4 f y1 E1) as (y & E2 & _ & S2 & _). rewrite E in E2. injection E2 as <-.
    destruct (A5 f y1 E1 N) as [P|P]; auto. destruct S2 as [S2|[_ S2]]; auto. left. congruence.
  - intros t x E. destruct (A6 t x E) as (x1 & E1 & F1). destruct (B6 t x1 E1) as (x2 & E2 & F2).
    exists x2. split; congruence.
  - intros d x2 E. destruct (B7 d x2 E) as [(x1 & E1 & P1 & D1)|(L & D & R)].
    + destruct (A7 d x1 E1) as [(x & E0 & P0 & D0)|(L & D & R)].
      * left. exists x. split; auto. split; [congruence|]. intro Q. destruct (D1 Q); auto.
      * right. split; auto. split; [intro Q; destruct (D1 Q); auto|]. rewrite P1. auto.
    + right. split; [lia|]. auto.
  - intro E. destruct (B8 E) as [Q|Q]; auto.
Qed.

(** Whether only this has changed. *)
Lemma grows_refl k : calm k -> grows k k.
Proof.
  intro C. constructor; auto.
  - intros f y E. exists y. repeat split; auto.
  - intros f y E N. congruence.
  - intros t x E. eauto.
  - intros c x E. left. exists x. auto.
Qed.
Lemma grows_same k k' : tasks k' = tasks k -> futures k' = futures k -> calls k' = calls k ->
  next_future k' = next_future k -> next_call k' = next_call k -> stopping k' = stopping k ->
  calm k -> grows k k'.
Proof.
  intros T F C N M S K. pose proof (grows_refl k K) as [[K1 K2] G2 G3 G4 G5 G6 G7 G8].
  constructor; rewrite ?N, ?M, ?S; auto.
  - constructor; rewrite ?T, ?F; auto.
  - rewrite F. auto.
  - rewrite F. auto.
  - rewrite T. auto.
  - rewrite C. auto.
Qed.

Definition quiet_task (g : task -> task) : Prop := forall x,
  t_must_cancel x = None -> t_told x = None -> t_aborted x = false ->
  t_future (g x) = t_future x /\ t_must_cancel (g x) = None /\ t_told (g x) = None /\
  t_aborted (g x) = false.

Lemma grows_in_task t g k : quiet_task g -> calm k -> grows k (in_task t g k).
Proof.
  intros Q K. pose proof (grows_refl k K) as [_ G2 G3 G4 G5 G6 G7 G8]. destruct K as [K1 K2].
  constructor; auto.
  - constructor; auto. intros u x E. simpl in E. rewrite find_update in E. destruct (t =? u); eauto.
    destruct (find u (tasks k)) as [y|] eqn:E'; [|discriminate]. simpl in E. injection E as <-.
    destruct (K1 u y E') as (A & B & C). apply (Q y A B C).
  - intros u x E. simpl. rewrite find_update, E. destruct (t =? u); simpl; eauto.
    destruct (K1 u x E) as (A & B & C). destruct (Q x A B C) as (F & _). eauto.
Qed.

Lemma grows_in_future f g k : (forall y, find f (futures k) = Some y ->
    f_state (g y) <> Cancelled /\ f_cancel_requested (g y) = f_cancel_requested y /\
    f_on_cancel (g y) = f_on_cancel y /\
    (f_state (g y) = f_state y \/ f_state y = Pending /\ settles f) /\
    forall c, In (RunCall c) (f_callbacks y) ->
      f_state (g y) <> Pending \/ In (RunCall c) (f_callbacks (g y)) \/ removes c) ->
  calm k -> grows k (in_future f g k).
Proof.
  intros Q K. pose proof (grows_refl k K) as [_ G2 G3 G4 G5 G6 G7 G8]. destruct K as [K1 K2].
  constructor; auto.
  - constructor; auto. intros u y E. simpl in E. rewrite find_update in E.
    destruct (Nat.eqb_spec f u) as [->|]; eauto.
    destruct (find u (futures k)) as [z|] eqn:E'; [|discriminate]. simpl in E. injection E as <-.
    destruct (Q z eq_refl) as (A & B & _). destruct (K2 u z E'). split; congruence.
  - intros u y E. simpl. rewrite find_update, E. destruct (Nat.eqb_spec f u) as [->|]; simpl.
    + destruct (Q y E) as (_ & _ & D). eauto.
    + exists y. repeat split; auto.
  - intros u y E N. simpl in E. rewrite find_update, N in E. destruct (f =? u); discriminate.
Qed.

Lemma grows_calls k cs n : calm k -> next_call k <= n ->
  (forall c x', find c cs = Some x' ->
    (exists x, find c (calls k) = Some x /\ c_action x' = c_action x /\
      (c_place x' = Dead -> c_place x = Dead \/ cancels c)) \/
    next_call k <= c /\ (c_place x' = Dead -> cancels c) /\
      match c_action x' with Resolve f => resolves f | Closure => True end) ->
  grows k (set_calls cs (set_next (next_task k) (next_future k) n k)).
Proof.
  intros K L Q. pose proof (grows_refl k K) as [_ G2 G3 G4 G5 G6 G7 G8]. destruct K as [K1 K2].
  constructor; auto. constructor; auto.
Qed.
Lemma grows_remove_call c k : calm k -> grows k (set_calls (remove c (calls k)) k).
Proof.
  intro K. pose proof (grows_refl k K) as [_ G2 G3 G4 G5 G6 G7 G8]. destruct K as [K1 K2].
  constructor; auto; [constructor; auto|]. intros d x E. simpl in E. rewrite find_remove in E.
  destruct (c =? d); [discriminate|auto].
Qed.
Lemma grows_in_call c g k : (forall x, find c (calls k) = Some x -> c_action (g x) = c_action x /\
    (c_place (g x) = Dead -> c_place x = Dead \/ cancels c)) -> calm k -> grows k (in_call c g k).
Proof.
  intros Q K. pose proof (grows_refl k K) as [_ G2 G3 G4 G5 G6 G7 G8]. destruct K as [K1 K2].
  constructor; auto; [constructor; auto|]. intros d x E. simpl in E. rewrite find_update in E.
  destruct (Nat.eqb_spec c d) as [->|]; auto.
  destruct (find d (calls k)) as [z|] eqn:E'; [|discriminate]. simpl in E. injection E as <-.
  left. exists z. destruct (Q z eq_refl). auto.
Qed.

(** ** Function by function *)

Ltac after l := eapply grows_trans; [apply l|].
Ltac field := apply grows_same; auto.

Lemma grows_calm k k' : grows k k' -> calm k'.
Proof. apply gr_calm. Qed.

(** One thing, and then another. *)
Lemma grows_then k g : forall k1, grows k k1 -> (calm k1 -> grows k1 (g k1)) -> grows k (g k1).
Proof. intros k1 A B. eapply grows_trans; [exact A|]. apply B. exact (gr_calm _ _ A). Qed.

Lemma quiet_queued b : quiet_task (set_queued b).
Proof. intros x A B C. simpl. auto. Qed.
Lemma grows_push h k : calm k -> grows k (push h k).
Proof. intro K. field. Qed.
Lemma grows_note e k : calm k -> grows k (note e k).
Proof. intro K. field. Qed.
Lemma grows_wake t k : calm k -> grows k (fst (wake t k)).
Proof.
  intro K. unfold wake. destruct (find_task t k); [|apply grows_refl; auto].
  destruct (_ || _); [apply grows_refl; auto|]. simpl.
  apply (grows_then k (push (Step t))); [|apply grows_push]. apply grows_in_task; auto.
  apply quiet_queued.
Qed.
Lemma grows_queue_call c k : calm k -> grows k (queue_call c k).
Proof.
  intro K. unfold queue_call. apply (grows_then k (push (Call c))); [|apply grows_push].
  apply grows_in_call; auto. intros x _. simpl. split; [auto|discriminate].
Qed.
Lemma grows_run cbs : forall k, calm k -> grows k (fold_left run_callback cbs k).
Proof.
  induction cbs as [|cb cbs IH]; simpl; intros k K; [apply grows_refl; auto|].
  apply (grows_then k (fold_left run_callback cbs)); auto.
  destruct cb; [apply grows_wake|apply grows_queue_call]; auto.
Qed.
Lemma grows_settle f s m once k : calm k -> s <> Cancelled -> s <> Pending ->
  (forall y, find f (futures k) = Some y -> settles f) -> grows k (fst (settle f s m once k)).
Proof.
  intros K N N' S. unfold settle, find_future. destruct (find f (futures k)) as [y|] eqn:E;
    [|apply grows_refl; auto].
  destruct (f_state y) eqn:P; simpl; try (apply grows_refl; auto; fail).
  set (k1 := note _ _). assert (G : grows k k1).
  { apply (grows_then k (note (ESettle f s))); [|apply grows_note]. apply grows_in_future; auto.
    intros z E'. rewrite E in E'. injection E' as <-. simpl. repeat split; eauto.
    }
  set (k2 := if f_observed y then _ else _). assert (G2 : grows k k2).
  { unfold k2. destruct (f_observed y); auto. eapply grows_trans; [exact G|].
    field. exact (gr_calm _ _ G). }
  eapply grows_trans; [exact G2|]. apply grows_run. exact (gr_calm _ _ G2).
Qed.
Lemma grows_future_new rule k : calm k -> find (next_future k) (futures k) = None ->
  grows k (fst (future_new rule k)).
Proof.
  intros K N. pose proof (grows_refl k K) as [_ G2 G3 G4 G5 G6 G7 G8]. destruct K as [K1 K2].
  constructor; simpl; auto.
  - constructor; simpl; auto. intros f y. destruct (f =? next_future k); [|apply K2].
    injection 1 as <-. simpl. split; [discriminate|auto].
  - intros f y E. destruct (Nat.eqb_spec f (next_future k)) as [->|]; [congruence|].
    exists y. repeat split; auto.
  - intros f y. destruct (f =? next_future k); [|intros; congruence]. injection 1 as <-. auto.
Qed.
Lemma grows_new_call a q k : calm k -> q <> Dead ->
  match a with Resolve f => resolves f | Closure => True end -> grows k (fst (new_call a q k)).
Proof.
  intros K D R. unfold new_call. simpl.
  pose proof (grows_refl k K) as [_ G2 G3 G4 G5 G6 G7 G8]. destruct K as [K1 K2].
  constructor; simpl; auto; [constructor; auto|]. intros c x.
  destruct (Nat.eqb_spec c (next_call k)) as [->|]; auto. injection 1 as <-. simpl. right.
  repeat split; auto. contradiction.
Qed.
Lemma grows_call_soon a k : calm k -> match a with Resolve f => resolves f | Closure => True end ->
  grows k (fst (call_soon a k)).
Proof.
  intros K R. unfold call_soon. pose proof (grows_new_call a Queued k K ltac:(discriminate) R) as G.
  destruct (new_call a Queued k) as [k1 c]. simpl in *. eapply grows_trans; [exact G|].
  apply grows_push. exact (gr_calm _ _ G).
Qed.
Lemma grows_arm d a k : calm k -> match a with Resolve f => resolves f | Closure => True end ->
  grows k (fst (arm d a k)).
Proof.
  intros K R. unfold arm. pose proof (grows_new_call a Armed k K ltac:(discriminate) R) as G.
  destruct (new_call a Armed k) as [k1 c]. simpl in *. eapply grows_trans; [exact G|].
  field. exact (gr_calm _ _ G).
Qed.
Lemma grows_cancel_call c k : calm k -> cancels c -> grows k (fst (cancel_call c k)).
Proof.
  intros K D. unfold cancel_call. destruct (find c (calls k)) as [x|]; [|apply grows_refl; auto].
  destruct (c_place x); simpl; try (apply grows_refl; auto; fail).
  - set (k1 := set_timers _ _ k). assert (G : grows k k1) by field.
    eapply grows_trans; [exact G|]. apply (grows_remove_call c k1). exact (gr_calm _ _ G).
  - apply grows_in_call; auto.
Qed.
Lemma grows_begin_call c k : calm k -> (forall x f y, find c (calls k) = Some x ->
    c_action x = Resolve f -> find f (futures k) = Some y -> settles f) ->
  grows k (fst (begin_call c k)).
Proof.
  intros K S. unfold begin_call. destruct (find c (calls k)) as [x|] eqn:E;
    [|apply grows_refl; auto].
  assert (G : grows k (set_calls (remove c (calls k)) k)) by (apply grows_remove_call; auto).
  destruct (c_place x), (c_action x) eqn:A; simpl; auto;
    (eapply grows_trans; [exact G|]; apply grows_settle; try discriminate;
     [exact (gr_calm _ _ G)|intros y F; exact (S x f y eq_refl A F)]).
Qed.
Lemma grows_on_done f k : calm k -> grows k (fst (on_done f k)).
Proof.
  intro K. unfold on_done. destruct (is_done f k); [apply grows_call_soon; auto|].
  pose proof (grows_new_call Closure OnDone k K ltac:(discriminate) I) as G.
  destruct (new_call Closure OnDone k) as [k1 c]. simpl in *. eapply grows_trans; [exact G|].
  apply grows_in_future; [|exact (gr_calm _ _ G)]. intros y E. simpl.
  destruct (c_future _ (gr_calm _ _ G) _ _ E). repeat split; auto.
  intros d I. right. left. apply in_or_app. auto.
Qed.
Lemma grows_remove_on_done f c k : calm k -> removes c -> grows k (fst (remove_on_done f c k)).
Proof.
  intros K R. unfold remove_on_done. destruct (find_future f k) as [y|] eqn:F;
    [|apply grows_refl; auto].
  destruct (existsb _ _); [|apply grows_refl; auto]. simpl.
  set (k1 := in_future f _ k). assert (G : grows k k1).
  { apply grows_in_future; auto. intros z E. unfold find_future in F. rewrite F in E.
    injection E as <-. simpl.
    destruct (c_future _ K _ _ F). repeat split; auto. intros d I. right.
    destruct (Nat.eq_dec c d) as [<-|N]; auto. left. apply filter_In. split; auto. simpl.
    apply Nat.eqb_neq in N. rewrite N. auto. }
  eapply grows_trans; [exact G|]. apply (grows_remove_call c k1). exact (gr_calm _ _ G).
Qed.
Lemma grows_fire ws : forall k, calm k -> grows k (fold_left fire ws k).
Proof.
  induction ws as [|w ws IH]; simpl; intros k K; [apply grows_refl; auto|].
  assert (G : grows k (fire k w)).
  { unfold fire. eapply grows_trans; [apply grows_note; auto|]. apply grows_queue_call.
    apply (gr_calm k). apply grows_note; auto. }
  eapply grows_trans; [exact G|]. apply IH. exact (gr_calm _ _ G).
Qed.
Lemma grows_collect_due k : calm k -> grows k (collect_due k).
Proof.
  intro K. unfold collect_due. destruct (due (now k) (timers k)) as [a b].
  assert (G : grows k (set_timers b (registrations k) k)) by field.
  eapply grows_trans; [exact G|]. apply grows_fire. exact (gr_calm _ _ G).
Qed.
Lemma grows_begin_iteration k : calm k -> grows k (fst (begin_iteration k)).
Proof.
  intro K. unfold begin_iteration. set (k0 := set_iteration (S (iteration k)) k).
  assert (G : grows k k0) by field. pose proof (gr_calm _ _ G) as K0.
  assert (B : forall k1, grows k k1 -> grows k (set_batch (length (ready (collect_due k1)))
    (collect_due k1))).
  { intros k1 G1. pose proof (gr_calm _ _ G1) as K1. pose proof (grows_collect_due k1 K1) as G2.
    eapply grows_trans; [exact G1|]. eapply grows_trans; [exact G2|]. field. exact (gr_calm _ _ G2).
    }
  destruct (ready k0), (stopping k0), (next_deadline k0) as [d|]; simpl; auto.
  destruct (time_ltb _ _); simpl; auto. apply B. eapply grows_trans; [exact G|]. field.
Qed.
Lemma grows_spawn k : calm k -> find (next_future k) (futures k) = None ->
  find (next_task k) (tasks k) = None -> grows k (fst (spawn k)).
Proof.
  intros K N M. unfold spawn. pose proof (grows_future_new (OfTask (next_task k)) k K N) as G.
  destruct (future_new (OfTask (next_task k)) k) as [k1 f] eqn:E. simpl in *.
  pose proof (gr_calm _ _ G) as K1. set (x := Task f 0 _ _ _ _ _ _ _ _ _).
  set (k2 := set_next _ _ _ _). assert (T : tasks k1 = tasks k) by (injection E as <- _; auto).
  assert (G2 : grows k1 k2).
  { pose proof (grows_refl k1 K1) as [_ G2 G3 G4 G5 G6 G7 G8]. destruct K1 as [K11 K12].
    constructor; simpl; auto.
    - constructor; simpl; auto. intros t y. destruct (t =? next_task k); [|apply K11].
      injection 1 as <-. simpl. auto.
    - intros t y F. destruct (Nat.eqb_spec t (next_task k)) as [->|]; [congruence|]. eauto. }
  eapply grows_trans; [exact G|]. eapply grows_trans; [exact G2|].
  apply grows_wake. exact (gr_calm _ _ G2).
Qed.
Lemma grows_remove_wake f t k : calm k -> grows k (remove_wake f t k).
Proof.
  intro K. apply grows_in_future; auto. intros y E. simpl. destruct (c_future _ K _ _ E).
  repeat split; auto. intros c I. right. left. rewrite <- calls_of_In in *.
  rewrite calls_of_remove_wake. auto.
Qed.
Lemma grows_begin_step t k : calm k ->
  grows k (fst (begin_step t k)) /\ forall m, snd (begin_step t k) <> EntryDrop m.
Proof.
  intro K. unfold begin_step, find_task. destruct (find t (tasks k)) as [x|] eqn:E;
    [|split; [apply grows_refl; auto|discriminate]].
  destruct (t_ended x).
  { split; [|discriminate]. apply grows_in_task; auto. apply quiet_queued. }
  destruct (c_task _ K _ _ E) as (A & B & C). rewrite A, C. simpl. split; [|discriminate].
  pose proof (grows_refl k K) as [_ G2 G3 G4 G5 G6 G7 G8]. destruct K as [K1 K2].
  constructor; auto.
  - constructor; auto. intros u y F. simpl in F. rewrite find_update in F.
    destruct (Nat.eqb_spec t u) as [->|]; eauto. rewrite E in F. injection F as <-. simpl. auto.
  - intros u y F. simpl. rewrite find_update, F. destruct (Nat.eqb_spec t u) as [->|]; simpl; eauto.
    eexists. split; auto. simpl. congruence.
Qed.
Lemma grows_poll_await t on since k : calm k ->
  grows k (fst (poll_await t on since k)) /\
  match fst (snd (poll_await t on since k)) with
  | AwaitPending => True
  | AwaitDone => match on with
      | Some f => is_done f (fst (poll_await t on since k)) = true \/ find t (tasks k) = None
      | None => True
      end
  | AwaitTold _ => False
  end.
Proof.
  intro K. unfold poll_await, find_task. destruct (find t (tasks k)) as [x|] eqn:E; simpl.
  2: { split; [apply grows_refl; auto|]. destruct on; auto. }
  destruct (c_task _ K _ _ E) as (A & B & C). rewrite B. destruct since as [n|].
  - replace (if n <? t_step x then None else None) with (@None message) by (destruct (_ <? _);
    auto).
    simpl. split; [apply grows_refl; auto|]. destruct on as [f|]; simpl.
    + destruct (is_done f k); simpl; auto.
    + destruct (n =? t_step x); auto.
  - destruct on as [f|]; simpl.
    + destruct (is_done f k) eqn:D; simpl; [split; auto; apply grows_refl; auto|]. split; auto.
      set (k1 := in_task t _ k). assert (G : grows k k1).
      { apply grows_in_task; auto. intros y ? ? ?. simpl. auto. }
      eapply grows_trans; [exact G|]. apply grows_in_future; [|exact (gr_calm _ _ G)].
      intros y F. simpl. destruct (c_future _ (gr_calm _ _ G) _ _ F). repeat split; auto.
      intros c I. right. left. apply in_or_app. auto.
    + split; auto. set (k1 := in_task t _ k). assert (G : grows k k1).
      { apply grows_in_task; auto. intros y ? ? ?. simpl. auto. }
      eapply grows_trans; [exact G|]. apply grows_wake. exact (gr_calm _ _ G).
Qed.
Lemma grows_end_await t on n k : calm k -> grows k (end_await t on n k).
Proof.
  intro K. unfold end_await, find_task. destruct (find t (tasks k)) as [x|] eqn:E;
    [|apply grows_refl; auto].
  destruct (existsb _ _); [|apply grows_refl; auto]. destruct (c_task _ K _ _ E) as (-> & _ & _).
  simpl. set (k1 := in_task t _ k). assert (G : grows k k1).
  { apply grows_in_task; auto. intros y ? ? ?. simpl. auto. }
  destruct on as [f|]; auto. eapply grows_trans; [exact G|]. apply grows_remove_wake.
  exact (gr_calm _ _ G).
Qed.
Lemma grows_end_step t e k : calm k -> (forall m, e <> ExitEnded (EndCancelled m)) ->
  (forall x, find t (tasks k) = Some x -> e <> ExitPending -> settles (t_future x)) ->
  grows k (end_step t e k).
Proof.
  intros K NC S. unfold end_step, find_task. destruct (find t (tasks k)) as [x|] eqn:E;
    [|apply grows_refl; auto].
  destruct (c_task _ K _ _ E) as (A & B & C). unfold asked. rewrite A, B. simpl.
  replace (if t_told_taken x then None else None) with (@None message) by (destruct (t_told_taken
    x); auto).
  rewrite C. set (k1 := if t_told_taken x then _ else _).
  assert (G : grows k k1) by (unfold k1; destruct (t_told_taken x);
    [apply grows_note|apply grows_refl]; auto).
  pose proof (gr_calm _ _ G) as K1.
  assert (E1 : find t (tasks k1) = Some x) by (unfold k1; destruct (t_told_taken x); auto).
  assert (Q : forall g, t_future (g x) = t_future x -> t_must_cancel (g x) = None ->
    t_told (g x) = None -> t_aborted (g x) = false -> grows k1 (in_task t g k1)).
  { intros g Q1 Q2 Q3 Q4. clear - K1 E1 Q1 Q2 Q3 Q4.
    pose proof (grows_refl k1 K1) as [_ G2 G3 G4 G5 G6 G7 G8]. destruct K1 as [K11 K12].
    constructor; auto.
    - constructor; auto. intros u y F. simpl in F. rewrite find_update in F.
      destruct (Nat.eqb_spec t u) as [->|]; eauto. rewrite E1 in F. injection F as <-. simpl. auto.
    - intros u y F. simpl. rewrite find_update, F. destruct (Nat.eqb_spec t u) as [->|]; simpl;
      eauto.
      eexists. split; auto. congruence. }
  destruct e as [|e].
  - eapply grows_trans; [exact G|]. apply Q; simpl; auto.
  - set (k2 := in_task t _ k1). assert (G2 : grows k1 k2) by (apply Q; simpl; auto).
    assert (G3 : forall l k0, grows k k0 ->
      grows k (fold_left (fun k f => remove_wake f t k) l k0)).
    { induction l as [|f l IH]; simpl; intros k0 G0; auto. apply IH.
      eapply grows_trans; [exact G0|]. apply grows_remove_wake. exact (gr_calm _ _ G0). }
    specialize (G3 (awaited x) k2 (grows_trans _ _ _ G G2)).
    destruct (outcome e None) as [[s m] once] eqn:O. eapply grows_trans; [exact G3|].
    apply grows_settle; [exact (gr_calm _ _ G3)| | |].
    + destruct e; injection O as <- _ _; try discriminate. exfalso. apply (NC m0). auto.
    + destruct e; injection O as <- _ _; discriminate.
    + intros y _. apply S; auto. discriminate.
Qed.

(** ** The operations *)

(** Which operations these are. *)
Definition calm_op (k : kernel) (o : op) : Prop :=
  match o with
  | OBeginIteration | OBusy _ | OTake _ | OSpawn | OBeginStep _ | OPollAwait _ _ _
  | OEndAwait _ _ _ | OFutureNew _ | OOnDone _ => True
  | OSetStopping b => b = true -> stops
  | OEndStep t e => (forall m, e <> ExitEnded (EndCancelled m)) /\
      forall x, find t (tasks k) = Some x -> e <> ExitPending -> settles (t_future x)
  | OResolve f s => s <> Cancelled /\ settles f
  | ORemoveOnDone _ c => removes c
  | OArm _ a => match a with Resolve f => resolves f | Closure => True end
  | OCancelCall c => cancels c
  | OBeginCall c => forall x f y, find c (calls k) = Some x ->
      c_action x = Resolve f -> find f (futures k) = Some y -> settles f
  | _ => False
  end.

Lemma grows_apply m o m' a b : apply m o = Some (m', a) -> GoodMachine b m -> calm (kern m) ->
  calm_op (kern m) o -> grows (kern m) (kern m').
Proof.
  intros A G K C. destruct G as [GH _ _ _ _ _ _ _]. destruct m as [k tk rn].
  assert (NF : find (next_future k) (futures k) = None).
  { destruct (find (next_future k) (futures k)) as [y|] eqn:E; auto.
    pose proof (h_fresh_future _ _ _ GH _ _ E). simpl in *. lia. }
  assert (NT : find (next_task k) (tasks k) = None).
  { destruct (find (next_task k) (tasks k)) as [y|] eqn:E; auto.
    pose proof (h_fresh_task _ _ _ GH _ _ E). simpl in *. lia. }
  destruct o; simpl in C; try contradiction; cbn [apply kern] in *;
    unfold when, plain, with_bool, same in A;
    repeat match type of A with
    | (if ?b then _ else _) = _ => destruct b eqn:?; [|discriminate]
    end.
  - pose proof (grows_begin_iteration k K) as G. destruct (begin_iteration k). injection A as <- _.
    auto.
  - injection A as <- _. simpl. field.
  - injection A as <- _. simpl. constructor; simpl; auto; try (pose proof (grows_refl k K) as [];
    auto; fail).
    constructor; apply K.
  - destruct (take index k) as [[k1 h]|] eqn:T; [|discriminate]. injection A as <- _. simpl.
    unfold take in T. destruct (nth_error _ _); [|discriminate]. injection T as <- _. field.
  - pose proof (grows_spawn k K NF NT) as G. destruct (spawn k) as [k1 [t f]]. injection A as <- _.
    auto.
  - destruct (grows_begin_step t k K) as [G _]. destruct (begin_step t k). injection A as <- _.
    auto.
  - injection A as <- _. simpl. destruct C. apply grows_end_step; auto.
  - destruct (grows_poll_await t on since k K) as [G _]. destruct (poll_await t on since k) as [k1
    [q s]].
    injection A as <- _. auto.
  - injection A as <- _. simpl. apply grows_end_await. auto.
  - pose proof (grows_future_new rule k K NF) as G. destruct (future_new rule k).
    injection A as <- _. auto.
  - injection A as <- _. simpl. destruct C as [C1 C2]. apply grows_settle; auto.
    intros ->. rewrite andb_false_r in *. discriminate.
  - pose proof (grows_on_done f k K) as G. destruct (on_done f k). injection A as <- _. auto.
  - injection A as <- _. simpl. apply grows_remove_on_done; auto.
  - pose proof (grows_arm d a0 k K C) as G. destruct (arm d a0 k). injection A as <- _. auto.
  - injection A as <- _. simpl. apply grows_cancel_call; auto.
  - pose proof (grows_begin_call c k K C) as G. destruct (begin_call c k). injection A as <- _.
    auto.
Qed.
End Grows.
