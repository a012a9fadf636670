(** A run of a program without effects says what the program means, whatever the schedule. *)
From Coq Require Import List Arith NArith Lia Bool Permutation.
From Seedloop.Spec Require Import Map Kernel Machine Program Plain.
From Seedloop.Thm Require Import Lists Theorems Calm Programs Meaning Unique.
Import ListNotations.

Lemma find_put {A} i (x : A) l j : find j (put i x l) = if j =? i then Some x else find j l.
Proof.
  unfold put. simpl. destruct (j =? i) eqn:E; auto. rewrite find_remove.
  rewrite Nat.eqb_sym, E. auto.
Qed.

(** ** What some operations do *)

Lemma wake_futures t k : futures (fst (wake t k)) = futures k.
Proof. unfold wake. destruct (find_task t k); auto. destruct (_ || _); auto. Qed.
Lemma run_futures cbs : forall k, futures (fold_left run_callback cbs k) = futures k.
Proof.
  induction cbs as [|cb cbs IH]; simpl; intro k; auto. rewrite IH.
  destruct cb; simpl; auto using wake_futures.
Qed.
Lemma settle_done f s m once k : known f k -> s <> Pending ->
  is_done f (fst (settle f s m once k)) = true.
Proof.
  intros (y & E) N. unfold settle, find_future. rewrite E. destruct (is_pending (f_state y)) eqn:P;
    simpl.
  - unfold is_done, state_of, find_future. rewrite run_futures. destruct (f_observed y); simpl;
      rewrite find_update, Nat.eqb_refl, E; simpl; destruct s; simpl; congruence.
  - apply (done_is f y k E). destruct (f_state y); simpl in P; congruence.
Qed.
Lemma spawn_is k k' t f : spawn k = (k', (t, f)) -> f = next_future k /\
  (exists x, find t (tasks k') = Some x /\ t_future x = f) /\
  exists y, find f (futures k') = Some y /\ f_state y = Pending.
Proof.
  unfold spawn, future_new. injection 1 as <- <- <-. split; auto. rewrite wake_futures. simpl.
  rewrite Nat.eqb_refl. split; [|eexists; split; reflexivity].
  unfold wake, find_task. simpl. rewrite Nat.eqb_refl. simpl. rewrite Nat.eqb_refl. simpl.
  rewrite Nat.eqb_refl. eexists. split; reflexivity.
Qed.
Lemma on_done_is f k k' c : on_done f k = (k', c) -> known f k -> c = next_call k /\
  next_call k' = S c /\
  (is_done f k' = true \/ exists y, find f (futures k') = Some y /\
    In (RunCall c) (f_callbacks y)) /\
  (forall x, find c (calls k') = Some x -> c_action x = Closure /\ c_place x <> Dead) /\
  forall g, is_done g k' = is_done g k.
Proof.
  unfold on_done. intros E K. destruct (is_done f k) eqn:D.
  - unfold call_soon, new_call in E. injection E as <- <-. simpl. rewrite Nat.eqb_refl.
    repeat split; auto; injection H as <-; simpl; congruence.
  - unfold new_call in E. injection E as <- <-. simpl. rewrite Nat.eqb_refl. repeat split; auto.
    + right. destruct K as (y & E). rewrite find_update, Nat.eqb_refl, E. simpl. eexists.
      split; auto.
      simpl. apply in_or_app. simpl. auto.
    + injection H as <-. auto.
    + injection H as <-. discriminate.
    + intro g. unfold is_done, state_of, find_future. simpl. rewrite find_update.
      destruct (f =? g); auto. destruct (find g (futures k)); auto.
Qed.

Lemma ask_refused o w : refused (core_of (fst (ask o w))) = false -> refused (core_of w) = false.
Proof. unfold ask. destruct (apply _ o) as [[m a]|]; simpl; congruence. Qed.
Lemma unrefused w w' : inside w w' -> refused (core_of w') = false -> refused (core_of w) = false.
Proof.
  intros [(es & _ & _ & _ & R) _] F. destruct (refused (core_of w)); auto. rewrite R in F; auto.
Qed.

Section Run.
Variable p : program.
Hypothesis Plain : plain_program p = true.

Notation inv := (inv p).

Lemma plain_body c : all_plain (body_of c p).
Proof.
  unfold plain_program in Plain. destruct (p_futures p); [|discriminate].
  unfold body_of, all_plain. induction (p_coros p) as [|[d b] l IH]; simpl in *; auto.
  apply andb_true_iff in Plain as [B L]. destruct (c =? d); auto.
Qed.

(** The world is later, and what a future may give is settled when it begins. *)
Record later (may : nat -> result -> Prop) w (may' : nat -> result -> Prop) w' : Prop := {
  ah_may : forall f, f < next_future (kernel_of w) -> may' f = may f;
  ah_next : next_future (kernel_of w) <= next_future (kernel_of w');
  ah_known : forall f, known f (kernel_of w) -> known f (kernel_of w');
  ah_task : forall f, known f (kernel_of w) -> task_of f (kernel_of w') = task_of f (kernel_of w);
  ah_done : forall f, known f (kernel_of w) -> is_done f (kernel_of w) = true ->
    is_done f (kernel_of w') = true;
  ah_tasks : forall t x, find t (tasks (kernel_of w)) = Some x -> exists x',
    find t (tasks (kernel_of w')) = Some x' /\ t_future x' = t_future x }.

Lemma later_same may w w' : core_of w' = core_of w -> later may w may w'.
Proof. intro E. constructor; unfold kernel_of; rewrite ?E; eauto. Qed.
Lemma later_trans m0 w0 m1 w1 m2 w2 : later m0 w0 m1 w1 -> later m1 w1 m2 w2 -> later m0 w0 m2 w2.
Proof.
  intros [A1 A2 A3 A4 A5 A6] [B1 B2 B3 B4 B5 B6]. constructor; auto; try lia.
  - intros f L. rewrite B1, A1; auto. lia.
  - intros f K. rewrite B4, A4; auto.
  - intros t x F. destruct (A6 t x F) as (y & F1 & E1). destruct (B6 t y F1) as (z & F2 & E2).
    exists z. split; congruence.
Qed.

(** The label of main is main's alone. *)
Definition mine (r : rest) : Prop := forall t, find t (labels r) = Some (Named main_coro) <->
  t = main_task.
(** Main has said this in the meantime, and no more has become of it. *)
Record hush (u : list said) w w' : Prop := {
  hu_said : main_said (lines (rest_of w')) = main_said (lines (rest_of w)) ++ u;
  hu_active : active (rest_of w') = active (rest_of w);
  hu_body : find main_task (bodies (rest_of w')) = find main_task (bodies (rest_of w));
  hu_main : settled_of (target (rest_of w)) w' = settled_of (target (rest_of w)) w;
  hu_target : target (rest_of w') = target (rest_of w);
  hu_mine : mine (rest_of w) -> mine (rest_of w') }.
Lemma hush_trans u v a b c : hush u a b -> hush v b c -> hush (u ++ v) a c.
Proof.
  intros [A1 A2 A3 A4 A5 A6] [B1 B2 B3 B4 B5 B6]. constructor; try congruence; auto.
  - rewrite B1, A1, app_assoc. auto.
Qed.
Lemma hush_same w w' : core_of w' = core_of w -> lines (rest_of w') = lines (rest_of w) ->
  active (rest_of w') = active (rest_of w) ->
  find main_task (bodies (rest_of w')) = find main_task (bodies (rest_of w)) ->
  result_of (target (rest_of w)) w' = result_of (target (rest_of w)) w ->
  target (rest_of w') = target (rest_of w) -> labels (rest_of w') = labels (rest_of w) ->
  hush [] w w'.
Proof.
  intros C L A B R T LB. constructor; auto.
  - rewrite L, app_nil_r. auto.
  - unfold settled_of, kernel_of. rewrite C, R. auto.
  - unfold mine. rewrite LB. auto.
Qed.
Lemma hush_refl w : hush [] w w.
Proof. apply hush_same; auto. Qed.
#[local] Hint Extern 1 (hush [] _ _) => solve [apply hush_same; reflexivity] : core.

(** And main has said nothing in the meantime. *)
Definition ahead may w may' w' : Prop := later may w may' w' /\ hush [] w w'.

Lemma ahead_same may w w' : core_of w' = core_of w -> hush [] w w' -> ahead may w may w'.
Proof. intros E H. split; auto. apply later_same. auto. Qed.
Lemma ahead_refl may w : ahead may w may w.
Proof. apply ahead_same; auto. Qed.
Lemma ahead_trans m0 w0 m1 w1 m2 w2 : ahead m0 w0 m1 w1 -> ahead m1 w1 m2 w2 -> ahead m0 w0 m2 w2.
Proof.
  intros [A H] [B K]. split; [eapply later_trans; eauto|]. exact (hush_trans [] [] _ _ _ H K).
Qed.
Lemma calm_op_weaken (S S' R D A A' : nat -> Prop) (Z : Prop) k o : (forall f, S f -> S' f) ->
  (forall f, A f -> A' f) -> calm_op S R D A Z k o -> calm_op S' R D A' Z k o.
Proof.
  intros HS HA. destruct o; simpl; auto.
  - intros [C1 C2]. split; eauto.
  - intros [C1 C2]. auto.
  - destruct a; auto.
  - eauto.
Qed.

Section OneMay.
Variable may : future_id -> result -> Prop.

Lemma known_old due w f : inv may due w -> known f (kernel_of w) -> f < next_future (kernel_of w).
Proof.
  intros I (y & E). destruct (i_good _ _ _ _ _ _ _ _ _ I) as (b & G).
  exact (h_fresh_future _ _ _ (g_handles _ _ G) f y E).
Qed.

Definition allowed w o : Prop :=
  calm_op (fun f => may f (result_of f w) /\ f <> target (rest_of w))
    (fun c => unwatched c (jobs (rest_of w)) (kernel_of w))
    (fun c => unwatched c (jobs (rest_of w)) (kernel_of w))
    (fun f => (forall q, may f q) /\ f <> target (rest_of w))
    (is_done (target (rest_of w)) (kernel_of w) = true) (kernel_of w) o.
Definition grew w w' : Prop :=
  grows (fun f => may f (result_of f w) /\ f <> target (rest_of w))
    (fun c => unwatched c (jobs (rest_of w)) (kernel_of w))
    (fun c => unwatched c (jobs (rest_of w)) (kernel_of w))
    (fun f => (forall q, may f q) /\ f <> target (rest_of w))
    (is_done (target (rest_of w)) (kernel_of w) = true) (kernel_of w) (kernel_of w').

Lemma grows_later S R D A Z w w' : grows S R D A Z (kernel_of w) (kernel_of w') ->
  later may w may w'.
Proof.
  intro G. constructor; auto.
  - apply (gr_next_future _ _ _ _ _ _ _ G).
  - intros f K. eapply known_later; eauto.
  - intros f (y & E). destruct (gr_future _ _ _ _ _ _ _ G f y E) as (y' & E' & O & _).
    unfold task_of, find_future. rewrite E, E', O. auto.
  - intros f K. eapply done_later; eauto.
  - exact (gr_task _ _ _ _ _ _ _ G).
Qed.

(** An operation that may end main. *)
Lemma ask_any due o w w' a : inv may due w -> ask o w = (w', a) -> refused (core_of w') = false ->
  calm_op (fun f => may f (result_of f w)) (fun c => unwatched c (jobs (rest_of w)) (kernel_of w))
    (fun c => unwatched c (jobs (rest_of w)) (kernel_of w))
    (fun f => (forall q, may f q) /\ f <> target (rest_of w))
    (is_done (target (rest_of w)) (kernel_of w) = true) (kernel_of w) o ->
  inv may due w' /\ later may w may w' /\ rest_of w' = rest_of w.
Proof.
  intros I E R C. unfold ask in E. destruct (apply (machine_of (core_of w)) o) as [[m b]|] eqn:A.
  - injection E as <- <-. simpl in *. destruct (inv_op p may due _ _ _ _ _ _ o m b I A C) as [I' G].
    split; [exact I'|]. split; [|auto]. eapply grows_later. exact G.
  - injection E as <- _. discriminate.
Qed.

Lemma ask_ok due o w w' a : inv may due w -> ask o w = (w', a) -> refused (core_of w') = false ->
  allowed w o -> inv may due w' /\ rest_of w' = rest_of w /\ (grew w w' /\ hush [] w w') /\
    apply (machine_of (core_of w)) o = Some (machine_of (core_of w'), a).
Proof.
  intros I E R C. assert (C' : calm_op (fun f => may f (result_of f w))
    (fun c => unwatched c (jobs (rest_of w)) (kernel_of w))
    (fun c => unwatched c (jobs (rest_of w)) (kernel_of w))
    (fun f => (forall q, may f q) /\ f <> target (rest_of w))
    (is_done (target (rest_of w)) (kernel_of w) = true) (kernel_of w) o).
  { eapply calm_op_weaken; [| |exact C]; auto. intros f [H _]. exact H. }
  destruct (ask_any due o w w' a I E R C') as (I' & _ & Q).
  unfold ask in E. destruct (apply (machine_of (core_of w)) o) as [[m b]|] eqn:A.
  - injection E as <- <-. simpl in Q. destruct (i_good _ _ _ _ _ _ _ _ _ I) as (gb & GM).
    assert (G : grew w (World (Core m ((o,
      b) :: operations (core_of w)) (refused (core_of w))) (rest_of w))).
    { exact (grows_apply _ _ _ _ _ _ o m b gb A GM (i_calm _ _ _ _ _ _ _ _ _ I) C). }
    split; [exact I'|]. split; [auto|]. split; [|auto]. split; [exact G|].
    constructor; auto; [rewrite app_nil_r; auto|].
    destruct (i_main _ _ _ _ _ _ _ _ _ I) as (y & F).
    destruct (gr_future _ _ _ _ _ _ _ G _ y F) as (y' & F' & _ & [S|[_ [_ S]]] & _);
      [|contradiction].
    unfold settled_of, state_of, find_future. unfold kernel_of in *. rewrite F, F', S. auto.
  - injection E as <- _. discriminate.
Qed.
Lemma grew_ahead w w' : grew w w' /\ hush [] w w' -> ahead may w may w'.
Proof. intros [G H]. split; auto. eapply grows_later. exact G. Qed.

Lemma seat_ok due t b w : inv may due w -> (exists x, find t (tasks (kernel_of w)) = Some x /\
    good_body p may (t_future x) b (jobs (rest_of w)) (kernel_of w)) -> inv may due (seat t b w).
Proof.
  intros I B. destruct I. constructor; auto. intros u c F. simpl in F.
  change (find u (put t b (bodies (rest_of w))) = Some c) in F. rewrite find_put in F.
  destruct (Nat.eqb_spec u t) as [->|]; auto. injection F as <-. auto.
Qed.
Lemma unseat_ok due t w : inv may due w -> inv may due (unseat t w).
Proof.
  intros I. destruct I. constructor; auto. intros u c F. simpl in F. rewrite find_remove in F.
  destruct (t =? u); auto. discriminate.
Qed.
Lemma keep_ok due f r w : inv may due w -> is_done f (kernel_of w) = false -> sound r ->
  inv may due (keep f r w).
Proof.
  intros I D S. destruct I. constructor; auto; simpl.
  - intros g q F. change (find g (put f r (results (rest_of w))) = Some q) in F.
    rewrite find_put in F. destruct (g =? f); eauto. injection F as <-. auto.
  - intros g y F N. unfold result_in. change ((f, r) :: remove f (results (rest_of w))) with
      (put f r (results (rest_of w))). rewrite find_put. destruct (Nat.eqb_spec g f) as [->|].
    + exfalso. apply (done_is f y _ F) in N. unfold kernel_of in D. congruence.
    + apply (i_result g y F N).
  - intros g x h F Q. destruct (i_child g x h F Q) as [K H]. split; auto.
    destruct H as [H|[H1 H2]]; auto. right. split; auto. destruct H2 as [H2|[H2|(v & H2)]]; eauto.
    right. right. exists v. unfold result_in. change ((f, r) :: remove f (results (rest_of w))) with
      (put f r (results (rest_of w))). rewrite find_put. destruct (Nat.eqb_spec h f) as [->|]; auto.
    unfold kernel_of in D. congruence.
Qed.
Lemma result_kept f r w : result_of f (keep f r w) = r.
Proof. unfold result_of. simpl. rewrite Nat.eqb_refl. auto. Qed.

Lemma settle_as_ok due f r w : inv may due w -> refused (core_of (settle_as f r w)) = false ->
  known f (kernel_of w) -> is_done f (kernel_of w) = false -> f <> target (rest_of w) -> may f r ->
  sound r -> inv may due (settle_as f r w) /\ ahead may w may (settle_as f r w) /\
  is_done f (kernel_of (settle_as f r w)) = true.
Proof.
  intros I R K D NM M S. unfold settle_as, asks in *. set (w1 := keep f r w) in *.
  assert (I1 : inv may due w1) by (apply keep_ok; auto).
  set (s := match r with Good _ => Finished | Bad _ => Failed end) in *.
  destruct (ask (OResolve f s) w1) as [w2 a] eqn:E. simpl in *.
  assert (N : s <> Cancelled /\ s <> Pending) by (unfold s; destruct r; split; discriminate).
  destruct (ask_ok due _ _ _ _ I1 E R) as (I2 & _ & G & A).
  { split; [apply N|]. split; [|exact NM]. change (may f (result_of f w1)). unfold w1.
    rewrite result_kept. auto. }
  split; auto. split.
  - eapply ahead_trans; [|apply grew_ahead; exact G]. apply ahead_same; auto.
    apply hush_same; auto. change (match find (target (rest_of w)) (put f r (results (rest_of w)))
      with
      Some q => q | None => Good VNone end = result_of (target (rest_of w)) w).
    rewrite find_put. destruct (Nat.eqb_spec (target (rest_of w)) f); [congruence|reflexivity].
  - cbn [apply] in A. unfold when in A. destruct (_ && _); [|discriminate].
    unfold with_bool, same in A. injection A as A _. unfold kernel_of. rewrite <- A. simpl.
    apply settle_done; [exact K|apply N].
Qed.
Lemma settled_known due f w : inv may due w -> known f (kernel_of w) ->
  is_done f (kernel_of w) = true -> settled_of f w = SDone (result_of f w) /\ may f (result_of f w).
Proof.
  intros I (y & E) D. pose proof E as E'. apply (done_is f y _ E) in D.
  split; [|exact (i_result _ _ _ _ _ _ _ _ _ I f y E D)].
  destruct (c_future _ (i_calm _ _ _ _ _ _ _ _ _ I) f y E) as [N _].
  unfold settled_of, state_of, find_future. rewrite E'. destruct (f_state y); congruence.
Qed.
Lemma result_sound due f w : inv may due w -> sound (result_of f w).
Proof.
  intro I. unfold result_of. destruct (find f (results (rest_of w))) eqn:E; [|exact Logic.I].
  exact (i_sound _ _ _ _ _ _ _ _ _ I f r E).
Qed.

(** ** Gatherings *)

Lemma in_reports g f js due : In (g, f) (reports js due) <->
  (exists c, In (c, ChildDone g f) js) \/ In (g, f) due.
Proof.
  unfold reports. rewrite in_app_iff, in_flat_map. split; (intros [H|H]; [left|right; auto]).
  - destruct H as ([c j] & J & H). unfold report in H. simpl in H. destruct j; simpl in H; try easy.
    destruct H as [H|[]]. injection H as -> ->. exists c. auto.
  - destruct H as (c & J). exists (c, ChildDone g f). simpl. auto.
Qed.
Lemma count_perm {A} (P : A -> bool) l l' : Permutation l l' -> count P l = count P l'.
Proof. induction 1; simpl; lia. Qed.

(** The same reports, some of them now due or no longer so. *)
Lemma inv_due due due' w : Permutation due due' -> inv may due w -> inv may due' w.
Proof.
  intros Q I. destruct I. assert (Q' : Permutation (reports (jobs (rest_of w)) due)
    (reports (jobs (rest_of w)) due')) by (apply Permutation_app_head; auto).
  constructor; auto.
  - intros g f J. apply i_due. apply (Permutation_in _ (Permutation_sym Q)). auto.
  - intros g x F. rewrite <- (count_perm _ _ _ Q'). auto.
  - intros g x f F J. destruct (i_child g x f F J) as [K H]. split; auto. destruct H as [H|H]; auto.
    left. apply (Permutation_in _ Q'). auto.
Qed.

Lemma report_ok due g f x w : inv may ((g, f) :: due) w ->
  find g (gatherings (rest_of w)) = Some x ->
  is_done f (kernel_of w) = true ->
  is_done g (kernel_of w) = true \/ g_each x = true \/ (exists v, result_of f w = Good v) ->
  inv may due (set_gathering g (Gathering (g_children x) (g_left x - 1) (g_each x)) w).
Proof.
  intros I F D H. destruct I. set (x' := Gathering _ _ _).
  assert (P : forall h z, find h (put g x' (gatherings (rest_of w))) = Some z -> exists z0,
    find h (gatherings (rest_of w)) = Some z0 /\ g_children z = g_children z0 /\
    g_each z = g_each z0 /\ (h = g -> z0 = x /\ z = x') /\ (h <> g -> z = z0)).
  { intros h z E. rewrite find_put in E. destruct (Nat.eqb_spec h g) as [->|N].
    - injection E as <-. exists x. repeat split; auto. contradiction.
    - exists z. repeat split; auto; contradiction. }
  assert (P' : forall h z, find h (gatherings (rest_of w)) = Some z -> exists z',
    find h (put g x' (gatherings (rest_of w))) = Some z' /\ g_children z' = g_children z).
  { intros h z E. rewrite find_put. destruct (Nat.eqb_spec h g) as [->|N]; [|eauto].
    exists x'. split; auto. simpl. congruence. }
  constructor; auto; simpl; change ((g, x') :: remove g (gatherings (rest_of w))) with
    (put g x' (gatherings (rest_of w))).
  - intros c j J. destruct (i_job c j J) as [L Q]. split; auto. destruct j; auto.
    destruct Q as (z & Z & Q). destruct (P' _ _ Z) as (z' & Z' & Q'). exists z'.
    split; auto. congruence.
  - intros h c J. destruct (i_due h c) as (z & Z & Q); [right; auto|].
    destruct (P' _ _ Z) as (z' & Z' & Q'). exists z'. split; auto. congruence.
  - intros h z E. destruct (P h z E) as (z0 & E0 & _ & _ & Q1 & Q2).
    destruct (i_left h z0 E0) as [K L].
    split; auto. unfold reports in *. rewrite count_app in *. simpl in L. unfold to in L at 2.
    simpl in L.
    destruct (Nat.eq_dec h g) as [->|N].
    + destruct (Q1 eq_refl) as [-> ->]. rewrite Nat.eqb_refl in L. simpl. lia.
    + rewrite (Q2 N). lia.
  - intros h z c E J. destruct (P h z E) as (z0 & E0 & C & A & Q1 & Q2). rewrite C in J.
    destruct (i_child h z0 c E0 J) as [K R]. split; auto. rewrite A. destruct R as [R|R]; auto.
    apply in_reports in R. destruct R as [R|[R|R]].
    + left. apply in_reports. auto.
    + injection R as <- <-. destruct (Q1 eq_refl) as [-> _]. right. split; auto.
    + left. apply in_reports. auto.
  - intros h z E. destruct (P h z E) as (z0 & E0 & -> & -> & _). auto.
  - intros h z E. destruct (P h z E) as (z0 & E0 & _). eauto.
Qed.

Lemma finish_ok due g x w : inv may due w -> find g (gatherings (rest_of w)) = Some x ->
  is_done g (kernel_of w) = false -> refused (core_of (finish_gathering g x w)) = false ->
  (forall f, In f (g_children x) -> is_done f (kernel_of w) = true /\
    (g_each x = true \/ exists v, result_of f w = Good v)) ->
  inv may due (finish_gathering g x w) /\ ahead may w may (finish_gathering g x w).
Proof.
  intros I F D R H. destruct (i_left _ _ _ _ _ _ _ _ _ I g x F) as [K _].
  unfold finish_gathering in *. set (all := VList _) in *.
  assert (Q : match find_future g (kernel_of w) with Some y => f_cancel_requested y | None =>
    false end
    = false).
  { destruct K as (y & E). unfold find_future. unfold kernel_of in *. rewrite E.
    apply (c_future _ (i_calm _ _ _ _ _ _ _ _ _ I) g y E). }
  rewrite Q in *.
  assert (KC : forall f, In f (g_children x) -> known f (kernel_of w)).
  { intros f J. apply (i_child _ _ _ _ _ _ _ _ _ I g x f F J). }
  pose proof (i_others _ _ _ _ _ _ _ _ _ I g x F) as NM.
  destruct (settle_as_ok due g (Good all) w I) as (I2 & A & _); auto; [|exact Logic.I].
  pose proof (i_gathers _ _ _ _ _ _ _ _ _ I g x F) as G. unfold gathers in G. unfold all.
  destruct (g_each x).
  - replace (map (shown_child w) (g_children x)) with
      (map shown (map (fun f => result_of f w) (g_children x))).
    + apply G. clear - I H KC. induction (g_children x) as [|f l IH]; simpl; constructor.
      * apply (settled_known due f w I); [apply KC; left; auto|]. apply (H f). left. auto.
      * apply IH; intros; [apply H|apply KC]; right; auto.
    + rewrite map_map. apply map_ext_in. intros f J. unfold shown_child.
      destruct (settled_known due f w I) as [-> _]; auto. apply (H f J).
  - destruct G as [G _]. apply G. clear - I H KC. induction (g_children x) as [|f l IH]; simpl;
    constructor.
    + destruct (H f) as [D [Q|(v & Q)]]; [left; auto|discriminate|]. unfold value_child.
      destruct (settled_known due f w I) as [-> M]; auto; [apply KC; left; auto|]. rewrite Q in *.
      auto.
    + apply IH; intros; [apply H|apply KC]; right; auto.
Qed.

(** All children have reported. *)
Lemma last_ok due g x w : inv may due w -> find g (gatherings (rest_of w)) = Some x ->
  is_done g (kernel_of w) = false ->
  refused (core_of (if g_left x =? 0 then finish_gathering g x w else w)) = false ->
  let w' := if g_left x =? 0 then finish_gathering g x w else w in
  inv may due w' /\ ahead may w may w'.
Proof.
  intros I F D R. destruct (Nat.eqb_spec (g_left x) 0) as [Z|Z]; simpl; [|auto using ahead_refl].
  apply finish_ok; auto. intros f J.
  destruct (i_left _ _ _ _ _ _ _ _ _ I g x F) as [_ L].
  destruct (i_child _ _ _ _ _ _ _ _ _ I g x f F J) as [K [H|(H1 & H2)]].
  - exfalso. assert (0 < count (to g) (reports (jobs (rest_of w)) due)); [|lia].
    apply count_pos. exists (g, f). split; auto. unfold to. simpl. apply Nat.eqb_refl.
  - split; auto. destruct H2 as [H2|H2]; auto. unfold kernel_of in D. congruence.
Qed.

Lemma settle_set_gathering g r h x w :
  settle_as g r (set_gathering h x w) = set_gathering h x (settle_as g r w).
Proof.
  unfold settle_as, asks, ask. cbn -[apply].
  match goal with |- context[apply ?m ?o] => destruct (apply m o) as [[]|]; auto end.
Qed.

Lemma child_done_ok due g f w : inv may ((g, f) :: due) w -> is_done f (kernel_of w) = true ->
  refused (core_of (child_done g f w)) = false ->
  inv may due (child_done g f w) /\ ahead may w may (child_done g f w).
Proof.
  intros I D R. destruct (i_due _ _ _ _ _ _ _ _ _ I g f) as (x & F & J); [left; auto|].
  destruct (i_child _ _ _ _ _ _ _ _ _ I g x f F J) as [K _].
  destruct (i_left _ _ _ _ _ _ _ _ _ I g x F) as [KG _].
  pose proof (i_gathers _ _ _ _ _ _ _ _ _ I g x F) as GR.
  destruct (settled_known _ f w I K D) as [S M]. pose proof (result_sound _ f w I) as SO.
  unfold child_done in *. rewrite F in *. set (x' := Gathering _ _ _) in *.
  set (w1 := set_gathering g x' w) in *.
  assert (A1 : ahead may w may w1) by (apply ahead_same; auto).
  destruct (is_done g (kernel_of w1)) eqn:DG; [split; auto; apply report_ok with f; auto|].
  change (kernel_of w1) with (kernel_of w) in DG. change (settled_of f w1) with (settled_of f w) in
    *.
  rewrite S in *. simpl (g_each x') in *.
  destruct (g_each x) eqn:EA; [|destruct (result_of f w) as [v|e] eqn:RF].
  3: { (* it has failed first *)
    unfold outcome_now in *. change (settled_of f w1) with (settled_of f w) in *. rewrite S in *.
    unfold w1 in *. rewrite settle_set_gathering in *. simpl in R.
    pose proof (i_others _ _ _ _ _ _ _ _ _ I g x F) as NM.
    destruct (settle_as_ok _ g (Bad e) w I R KG DG NM) as (I2 & A & D2); auto.
    { unfold gathers in GR. destruct GR as [_ GR]. apply GR with f; auto. }
    assert (F2 : find g (gatherings (rest_of (settle_as g (Bad e) w))) = Some x).
    { unfold settle_as, asks. rewrite rest_of_ask. auto. }
    split; [|eapply ahead_trans; [exact A|apply ahead_same; auto]].
    unfold x'. rewrite <- EA. apply report_ok with f; auto.
    apply (ah_done _ _ _ _ (proj1 A) f K D). }
  all: assert (I1 : inv may due w1) by
    (unfold w1, x'; rewrite <- EA; apply report_ok with f; auto; rewrite RF; eauto).
  all: assert (F1 : find g (gatherings (rest_of w1)) = Some x') by
    (unfold w1, set_gathering, with_rest, set_gatherings; cbn [rest_of gatherings];
      rewrite find_put,
       Nat.eqb_refl; auto).
  all: destruct (last_ok due g x' w1 I1 F1 DG R) as [I2 A2].
  all: split; [exact I2|eapply ahead_trans; [exact A1|exact A2]].
Qed.

Lemma new_gathering_ok due g fs each w : inv may due w -> known g (kernel_of w) ->
  g <> target (rest_of w) ->
  (forall x, find g (gatherings (rest_of w)) = Some x -> False) ->
  (forall f, In f fs -> known f (kernel_of w)) -> gathers may fs each (may g) ->
  inv may (map (pair g) (distinct [] fs) ++ due)
    (set_gathering g (Gathering fs (length (distinct [] fs)) each) w).
Proof.
  intros I K NM N KF GR. destruct I. set (x' := Gathering _ _ _).
  assert (FP : forall h, find h (gatherings (rest_of (set_gathering g x' w))) =
    if h =? g then Some x' else find h (gatherings (rest_of w))) by (intro; apply find_put).
  unfold inv. set (gs := gatherings (rest_of (set_gathering g x' w))) in *. clearbody gs.
  assert (DI : forall l seen f, In f l -> In f seen \/ In f (distinct seen l)).
  { induction l as [|a l IH]; simpl; intros seen f [].
    - subst a. destruct (existsb (Nat.eqb f) seen) eqn:E; [left; apply existsb_In; auto|].
      right. left. auto.
    - destruct (existsb (Nat.eqb a) seen); auto. destruct (IH (a :: seen) f H) as [[->|]|]; simpl;
      auto. }
  assert (DI' : forall l seen f, In f (distinct seen l) -> In f l).
  { induction l as [|a l IH]; simpl; intros seen f; auto. destruct (existsb (Nat.eqb a) seen);
    eauto.
    intros [->|J]; eauto. }
  assert (P : forall h z, find h (gatherings (rest_of w)) = Some z ->
    find h gs = Some z).
  { intros h z E. rewrite FP. destruct (Nat.eqb_spec h g) as [->|]; auto. destruct (N z E). }
  assert (C1 : forall l, count (to g) (map (pair g) l) = length l).
  { induction l as [|a l IH]; simpl; auto. unfold to in *. simpl. rewrite Nat.eqb_refl. auto. }
  assert (C2 : forall h l, h <> g -> count (to h) (map (pair g) l) = 0).
  { intros h l NE. induction l as [|a l IH]; simpl; auto. unfold to in *. simpl.
    destruct (Nat.eqb_spec g h); [congruence|exact IH]. }
  assert (C3 : count (to g) (reports (jobs (rest_of w)) due) = 0).
  { destruct (count (to g) (reports (jobs (rest_of w)) due)) eqn:E; auto. exfalso.
    assert (Z : 0 < count (to g) (reports (jobs (rest_of w)) due)) by lia.
    apply count_pos in Z as ([h f] & J & E2). apply Nat.eqb_eq in E2. simpl in E2. subst h.
    apply in_reports in J as [(c & J)|J].
    - destruct (i_job c _ J) as (_ & x & X & _). exact (N x X).
    - destruct (i_due g f J) as (x & X & _). exact (N x X). }
  constructor; auto; simpl.
  - intros c j J. destruct (i_job c j J) as [L Q]. split; auto. destruct j; auto.
    destruct Q as (z & Z & Q). exists z. split; [exact (P _ _ Z)|auto].
  - intros h f J. apply in_app_or in J as [J|J].
    + apply in_map_iff in J as (f0 & E & J). injection E as <- <-. exists x'.
      rewrite FP, Nat.eqb_refl.
      split; auto. simpl. eauto.
    + destruct (i_due h f J) as (z & Z & Q). exists z. split; [exact (P _ _ Z)|auto].
  - intros h z E. unfold reports in *. rewrite !count_app in *. rewrite FP in E.
    destruct (Nat.eqb_spec h g) as [->|NE].
    + injection E as <-. split; auto. rewrite C1. simpl. lia.
    + destruct (i_left h z E) as [K0 L]. split; auto. rewrite C2; auto. rewrite count_app in L. lia.
  - intros h z f E J. rewrite FP in E. destruct (Nat.eqb_spec h g) as [->|NE].
    + injection E as <-. simpl in J. split; [apply KF; auto|]. left. apply in_reports. right.
      apply in_or_app. left. apply in_map. destruct (DI fs [] f J); auto. destruct H.
    + destruct (i_child h z f E J) as [K0 H]. split; auto. destruct H as [H|H]; auto. left.
      apply in_reports in H. apply in_reports. destruct H as [H|H]; auto. right. apply in_or_app.
      auto.
  - intros h z E. rewrite FP in E. destruct (Nat.eqb_spec h g) as [->|NE]; auto.
    injection E as <-. auto.
  - intros h z E. rewrite FP in E. destruct (Nat.eqb_spec h g) as [->|NE]; eauto.
Qed.

(** ** Callbacks *)

Lemma when_done_ok due f j w w' c : inv may (report (0, j) ++ due) w -> known f (kernel_of w) ->
  when_done f j w = (w', c) -> refused (core_of w') = false ->
  match j with
  | ChildDone g h => h = f
  | InnerDone h g => known h (kernel_of w) /\ known g (kernel_of w) /\
      (forall r, may h r -> may g r) /\ g <> target (rest_of w)
  | OuterDone h c => unwatched c (jobs (rest_of w)) (kernel_of w)
  | _ => False
  end ->
  inv may due w' /\ ahead may w may w' /\
  (forall h, is_done h (kernel_of w') = is_done h (kernel_of w)) /\
  jobs (rest_of w') = (c, j) :: jobs (rest_of w) /\ next_call (kernel_of w) = c /\
  c < next_call (kernel_of w').
Proof.
  intros I K E R J. unfold when_done, answered_call in E.
  destruct (ask (OOnDone f) w) as [w1 a] eqn:A. cbn [fst snd] in E. injection E as <- <-.
  destruct (ask_ok _ _ _ _ _ I A R Logic.I) as (I1 & Q & G & O).
  pose proof (grew_ahead _ _ G) as AH.
  cbn [apply] in O. destruct (on_done f (kern (machine_of (core_of w)))) as [k1 c] eqn:D.
  unfold same in O. injection O as O <-. destruct (on_done_is _ _ _ _ D K) as (C & N & W & P & S).
  assert (KE : kernel_of w1 = k1) by (unfold kernel_of; rewrite <- O; auto).
  assert (KE' : kern (machine_of (core_of w1)) = k1) by exact KE.
  split; [|split; [eapply ahead_trans; [exact AH|apply ahead_same; auto]|]].
  - destruct I as [_ _ _ _ _ i_body0 _ i_job0 _ i_due0 _ _ _ _ _ _ _ _ _]. destruct I1.
    assert (U : forall d, unwatched d (jobs (rest_of w)) (kernel_of w) ->
      unwatched d ((c, j) :: jobs (rest_of w)) k1).
    { intros d [L U]. split; [unfold kernel_of in L; lia|]. intros i [E|J']; auto.
      injection E as <- <-.
      unfold kernel_of in L. lia. }
    assert (RP : Permutation (reports ((c, j) :: jobs (rest_of w)) due)
      (reports (jobs (rest_of w)) (report (0, j) ++ due))).
    { unfold reports. simpl. rewrite <- app_assoc. rewrite !app_assoc.
      apply Permutation_app_tail. apply Permutation_app_comm. }
    unfold inv. simpl. rewrite Q in *. rewrite KE' in *. constructor; auto; rewrite ?KE'; auto.
    + intros t b F. destruct (i_body0 t b F) as (x & F' & B).
      destruct (gr_task _ _ _ _ _ _ _ (proj1 G) t x F') as (x' & F2 & Q2). exists x'.
      split; [rewrite <- KE; exact F2|]. rewrite Q2.
      destruct b as [wt since fs|fs]; simpl in *; auto. destruct B as (B1 & B2 & B3).
      split; [|split; auto]. destruct wt; simpl in *; auto.
      * destruct B1 as [B0 B1]. split; [rewrite <- KE; apply (ah_known _ _ _ _ (proj1 AH));
        auto|auto].
      * rewrite <- KE. apply (ah_known _ _ _ _ (proj1 AH)); auto.
    + simpl. constructor; auto. intro J'. apply in_map_iff in J' as ([c' j'] & E & J'). simpl in E.
      subst c'. destruct (i_job0 c j' J') as [L _]. fold (kernel_of w) in L. unfold kernel_of in L.
      lia.
    + intros d i [E|J'].
      * injection E as <- <-. split; [lia|]. destruct j; auto; try contradiction.
        -- subst child. destruct (i_due0 gathering f) as (x & X); [left; auto|]. exists x. auto.
        -- destruct J as (J1 & J2 & J3 & _). rewrite <- KE. repeat split; auto;
           apply (ah_known _ _ _ _ (proj1 AH)); auto.
      * destruct (i_job d i J') as [L X]. split; auto. destruct i; auto.
        apply U. exact (proj2 (i_job0 _ _ J')).
    + intros d i h [E|J'] W'; eauto. injection E as <- <-.
      destruct j; simpl in W'; try discriminate; try contradiction. injection W' as <-. subst child.
      split; auto.
    + intros g h J'. apply i_due. apply in_or_app. auto.
    + intros g x X. destruct (i_left g x X) as [K0 L]. split; auto.
      rewrite (count_perm _ _ _ RP). auto.
    + intros g x h X X'. destruct (i_child g x h X X') as [K0 [H|H]]; split; auto. left.
      apply (Permutation_in _ (Permutation_sym RP)). auto.
    + intros d h g [E|J']; eauto. injection E as <- ->. apply J.
  - change (kernel_of (give_job c j w1)) with (kernel_of w1). rewrite KE. simpl. rewrite Q.
    repeat split; auto. lia.
Qed.
End OneMay.
(** ** New futures *)

Definition add f (P : result -> Prop) (may : future_id -> result -> Prop) : future_id -> result ->
  Prop :=
  fun g => if g =? f then P else may g.

Lemma inv_ext may may' due w : inv may due w ->
  (forall f, f < next_future (kernel_of w) -> may' f = may f) -> inv may' due w.
Proof.
  intros I E. assert (K : forall f, known f (kernel_of w) -> may' f = may f).
  { intros f K. apply E. eapply known_old; eauto. }
  destruct I. destruct i_good as (b & GM). destruct (a_waits _ (g_alive _ _ GM)).
  assert (KL : forall f y, find f (futures (kern (machine_of (core_of w)))) = Some y ->
    may' f = may f).
  { intros f y F. apply K. exists y. auto. }
  assert (L2 : forall cs, (forall f, In f cs -> may' f = may f) ->
    forall rs, Forall2 may' cs rs -> Forall2 may cs rs).
  { intros cs H rs F. induction F; constructor; [rewrite <- H; [auto|left; auto]|].
    apply IHF. intros. apply H. right. auto. }
  constructor; auto.
  - exists b. auto.
  - intros f y F N. rewrite (KL f y F). eauto.
  - intros c x f F A q. rewrite E; [eauto|]. apply (w_resolve c x f F A).
  - intros t bd F. destruct (i_body t bd F) as (x & F' & B). exists x. split; auto.
    destruct (w_future t x F') as (y & FY & _). destruct bd as [wt since fs|fs]; simpl in *;
      rewrite (KL _ y FY); auto. destruct B as (B1 & B2 & B3). repeat split; auto.
    intros q u r X. apply B3. destruct wt; simpl in *; auto. rewrite <- K; auto.
  - intros c j J. destruct (i_job c j J) as [L Q]. split; auto. destruct j; auto.
    destruct Q as (Q1 & Q2 & Q3). rewrite !K; auto.
  - intros g x F. rewrite K; [|apply (i_left g x F)]. pose proof (i_gathers g x F) as G.
    assert (KC : forall f, In f (g_children x) -> may' f = may f).
    { intros f J. apply K. apply (i_child g x f F J). }
    unfold gathers in *. destruct (g_each x).
    + intros rs H. apply G. eapply L2; eauto.
    + destruct G as [G1 G2]. split.
      * intros vs H. apply G1. clear - H KC. induction H; constructor; [rewrite <- KC; [auto|left;
        auto]|].
        apply IHForall2. intros. apply KC. right. auto.
      * intros f e J M. apply (G2 f e J). rewrite <- KC; auto.
Qed.
Lemma ahead_ext may may' w : (forall f, f < next_future (kernel_of w) -> may' f = may f) ->
  ahead may w may' w.
Proof. intro E. split; [|apply hush_refl]. constructor; eauto. Qed.
Lemma add_old may f P g : g < f -> add f P may g = may g.
Proof. intro L. unfold add. destruct (Nat.eqb_spec g f); auto. lia. Qed.
Lemma add_new may f P : add f P may f = P.
Proof. unfold add. rewrite Nat.eqb_refl. auto. Qed.

Lemma new_future_ok may due rule P w w' f : inv may due w ->
  answered_future (ask (OFutureNew rule) w) = (w', f) -> refused (core_of w') = false ->
  exists may', ahead may w may' w' /\ inv may' due w' /\ may' f = P /\
    f = next_future (kernel_of w) /\ rest_of w' = rest_of w /\
    (forall g, g <> f -> is_done g (kernel_of w') = is_done g (kernel_of w)) /\
    exists y, find f (futures (kernel_of w')) = Some y /\ f_state y = Pending /\
      f_on_cancel y = rule.
Proof.
  intros I E R. set (n := next_future (kernel_of w)). exists (add n P may).
  assert (X : forall f, f < next_future (kernel_of w) -> add n P may f = may f).
  { intros g L. apply add_old. auto. }
  unfold answered_future in E. destruct (ask (OFutureNew rule) w) as [w1 a] eqn:A.
  cbn [fst snd] in E. injection E as <- <-.
  destruct (ask_ok _ _ _ _ _ _ (inv_ext _ _ due w I X) A R Logic.I) as (I1 & Q & G & O).
  cbn [apply] in O. unfold when in O. destruct (older rule _); [|discriminate].
  unfold future_new, same in O. cbv zeta in O. injection O as O <-.
  assert (KE : futures (kernel_of w1) = (n, Future Pending [] rule false None false false) ::
    futures (kernel_of w)) by (unfold kernel_of; rewrite <- O; auto).
  split; [eapply ahead_trans; [apply ahead_ext; exact X|apply grew_ahead; exact G]|].
  split; auto. split; [apply add_new|]. split; auto. split; auto. split.
  - intros g N. unfold is_done, state_of, find_future. rewrite KE. simpl.
    fold (kernel_of w). fold n in N. destruct (Nat.eqb_spec g n); auto. contradiction.
  - rewrite KE. simpl. fold (kernel_of w). fold n. rewrite Nat.eqb_refl. eexists. split; eauto.
Qed.

Lemma start_task_ok may due l fs (P : result -> Prop) w w' f : inv may due w ->
  start_task l fs w = (w', f) -> l <> Some (Named main_coro) ->
  refused (core_of w') = false -> Forall plain_frame fs ->
  (forall u r, resume p fs Next u r -> P r) ->
  exists may', ahead may w may' w' /\ inv may' due w' /\ may' f = P /\ known f (kernel_of w') /\
    is_done f (kernel_of w') = false.
Proof.
  intros I E NL R F M. set (n := next_future (kernel_of w)). exists (add n P may).
  assert (X : forall f, f < next_future (kernel_of w) -> add n P may f = may f).
  { intros g L. apply add_old. auto. }
  unfold start_task in E. destruct (ask OSpawn w) as [w1 a] eqn:A.
  assert (R1 : refused (core_of w1) = false).
  { destruct a; try (injection E as <- _; auto; fail). destruct l; injection E as <- _; auto. }
  destruct (ask_ok _ _ _ _ _ _ (inv_ext _ _ due w I X) A R1 Logic.I) as (I1 & Q & G & O).
  cbn [apply] in O. destruct (spawn (kern (machine_of (core_of w)))) as [k1 [t g]] eqn:S.
  unfold same in O. injection O as O <-. apply spawn_is in S as (-> & (x & FX & TX) & y & FY & PY).
  fold (kernel_of w) in *. fold n in E, TX, FY |- *.
  assert (KE : kernel_of w1 = k1) by (unfold kernel_of; rewrite <- O; auto). rewrite <- KE in *.
  assert (I2 : inv (add n P may) due (seat t (Fresh fs) w1)).
  { apply seat_ok; auto. exists x. split; auto. split; auto. rewrite TX, add_new. exact M. }
  assert (AH : ahead may w (add n P may) w1)
    by (eapply ahead_trans; [apply ahead_ext; exact X|apply grew_ahead; exact G]).
  assert (TM : t <> main_task).
  { intros ->. destruct (i_task _ _ _ _ _ _ _ _ _ I1) as (z & FZ & TZ). unfold kernel_of in FX.
    rewrite FX in FZ. injection FZ as <-. rewrite Q in TZ.
    pose proof (known_old _ _ _ _ I (i_main _ _ _ _ _ _ _ _ _ I)) as L. fold n in L. lia. }
  assert (BM : find main_task (put t (Fresh fs) (bodies (rest_of w1))) =
    find main_task (bodies (rest_of w1))).
  { rewrite find_put. destruct (Nat.eqb_spec main_task t); [congruence|auto]. }
  assert (W : core_of w' = core_of w1 /\ inv (add n P may) due w' /\ f = n /\ hush [] w1 w').
  { destruct l as [l|]; injection E as <- <-; (split; [auto|split; [exact I2|split; [auto|]]]).
    - constructor; auto; [simpl; rewrite app_nil_r; auto|]. intros MI u. simpl.
      destruct (Nat.eqb_spec u t) as [->|NE]; [|apply MI].
      split; [intro H; injection H as ->; congruence|intro H; congruence].
    - apply hush_same; auto. }
  destruct W as (W & I3 & -> & HW). assert (KW : kernel_of w' = kernel_of w1) by (unfold kernel_of;
    rewrite W; auto).
  split; [eapply ahead_trans; [exact AH|apply ahead_same; auto]|]. split; auto.
  split; [apply add_new|].
  rewrite KW. split; [exists y; auto|]. unfold is_done, state_of, find_future. rewrite FY, PY. auto.
Qed.
Lemma start_implicit_ok may due fs (P : result -> Prop) w w' f : inv may due w ->
  start_implicit fs w = (w', f) -> refused (core_of w') = false -> Forall plain_frame fs ->
  (forall u r, resume p fs Next u r -> P r) ->
  exists may', ahead may w may' w' /\ inv may' due w' /\ may' f = P /\ known f (kernel_of w') /\
    is_done f (kernel_of w') = false.
Proof.
  intros I E R F M. unfold start_implicit in E. cbv zeta in E.
  match type of E with start_task _ _ ?w0 = _ => set (w1 := w0) in E end.
  destruct (start_task_ok may due _ fs P w1 w' f I E ltac:(discriminate) R F M) as (may' & A & H).
  exists may'. split; auto. eapply ahead_trans; [|exact A]. apply ahead_same; auto.
Qed.

(** ** What an awaitable is *)

Lemma watch_all_ok may g l : forall due w, inv may (map (pair g) l ++ due) w ->
  (forall f, In f l -> known f (kernel_of w)) ->
  refused (core_of (fold_left (watch_child g) l w)) = false ->
  inv may (map (pair g) (filter (fun f => is_done f (kernel_of w)) l) ++ due)
    (fold_left (watch_child g) l w) /\
  ahead may w may (fold_left (watch_child g) l w) /\
  forall h, is_done h (kernel_of (fold_left (watch_child g) l w)) = is_done h (kernel_of w).
Proof.
  induction l as [|f l IH]; simpl; intros due w I K R; [auto using ahead_refl|].
  unfold watch_child at 2 4 6. unfold watch_child at 2 in R. destruct (is_done f (kernel_of w))
    eqn:D.
  - destruct (IH ((g, f) :: due) w) as (I2 & A & H); auto.
    { eapply inv_due; [|exact I]. apply Permutation_middle. }
    split; auto. eapply inv_due; [|exact I2]. apply Permutation_sym.
    apply (Permutation_middle _ _ (g, f)).
  - destruct (when_done f (ChildDone g f) w) as [w1 c] eqn:W. cbn [fst] in *.
    assert (R1 : refused (core_of w1) = false).
    { eapply unrefused; [|exact R]. apply inside_fold. intros w0 x. unfold watch_child.
      destruct (is_done x (kernel_of w0)); [apply inside_refl|apply in_when_done]. }
    destruct (when_done_ok may (map (pair g) l ++ due) f (ChildDone g f) w w1 c) as (I1 & A & H &
      _); auto.
    destruct (IH due w1 I1) as (I2 & A2 & H2); auto.
    { intros h J. apply (ah_known _ _ _ _ (proj1 A)); auto. }
    split; [|split; [eapply ahead_trans; eauto|intro h; rewrite H2; auto]].
    erewrite filter_ext; [exact I2|]. intro h. symmetry. apply H.
Qed.

Lemma collect_all_ok may g ds l : forall due w,
  inv may (map (pair g) (filter (fun f => existsb (Nat.eqb f) ds) l) ++ due) w ->
  (forall f, In f l -> known f (kernel_of w)) ->
  (forall f, In f l -> existsb (Nat.eqb f) ds = true -> is_done f (kernel_of w) = true) ->
  refused (core_of (fold_left (collect_child ds g) l w)) = false ->
  inv may due (fold_left (collect_child ds g) l w) /\
  ahead may w may (fold_left (collect_child ds g) l w).
Proof.
  induction l as [|f l IH]; simpl; intros due w I K D R; [auto using ahead_refl|].
  unfold collect_child at 2 4. unfold collect_child at 2 in R.
  destruct (existsb (Nat.eqb f) ds) eqn:E; [|apply IH; auto].
  assert (R1 : refused (core_of (child_done g f w)) = false).
  { eapply unrefused; [|exact R]. apply inside_fold. intros w0 x. unfold collect_child.
    destruct (existsb (Nat.eqb x) ds); [apply in_child_done|apply inside_refl]. }
  destruct (child_done_ok may _ g f w I) as (I1 & A); auto.
  destruct (IH due (child_done g f w) I1) as (I2 & A2); auto.
  - intros h J. apply (ah_known _ _ _ _ (proj1 A)); auto.
  - intros h J X. apply (ah_done _ _ _ _ (proj1 A)); auto.
  - split; auto. eapply ahead_trans; eauto.
Qed.

Lemma distinct_sub l : forall seen f, In f (distinct seen l) -> In f l.
Proof.
  induction l as [|a l IH]; simpl; intros seen f; auto. destruct (existsb (Nat.eqb a) seen); eauto.
  intros [->|J]; eauto.
Qed.

Lemma start_gathering_ok may due fs each P w w' g : inv may due w ->
  start_gathering fs each w = (w', g) -> refused (core_of w') = false ->
  (forall f, In f fs -> known f (kernel_of w)) -> gathers may fs each P ->
  exists may', ahead may w may' w' /\ inv may' due w' /\ may' g = P /\ known g (kernel_of w') /\
    task_of g (kernel_of w') = None.
Proof.
  intros I E R K GR. unfold start_gathering in E. cbv zeta in E.
  destruct (answered_future (ask (OFutureNew (Children fs)) w)) as [w1 g'] eqn:N.
  set (ds := filter _ _) in E. set (once := distinct [] fs) in *.
  set (x := Gathering fs _ each) in E.
  set (w2 := set_gathering g' x w1) in E.
  set (w3 := match once with [] => finish_gathering g' x w2 | _ :: _ => w2 end) in E.
  injection E as <- ->.
  assert (R4 : refused (core_of (fold_left (watch_child g) once w3)) = false).
  { eapply unrefused; [|exact R]. apply inside_fold. intros w0 f. unfold collect_child.
    destruct (existsb (Nat.eqb f) ds); [apply in_child_done|apply inside_refl]. }
  assert (R3 : refused (core_of w3) = false).
  { eapply unrefused; [|exact R4]. apply inside_fold. intros w0 f. unfold watch_child.
    destruct (is_done f (kernel_of w0)); [apply inside_refl|apply in_when_done]. }
  assert (R1 : refused (core_of w1) = false).
  { assert (R2 : refused (core_of w2) = false); [|exact R2]. unfold w3 in R3. destruct once; auto.
    eapply unrefused; [|exact R3]. apply in_finish. }
  destruct (new_future_ok may due _ P w w1 g I N R1) as (may' & A1 & I1 & M & G & RE & DE & y & FY &
    PY & OY).
  exists may'.
  assert (K1 : known g (kernel_of w1)) by (exists y; auto).
  assert (T1 : task_of g (kernel_of w1) = None).
  { unfold task_of, find_future. rewrite FY, OY. auto. }
  assert (KF : forall f, In f fs -> f < next_future (kernel_of w)).
  { intros f J. eapply known_old; eauto. }
  assert (I2 : inv may' (map (pair g) once ++ due) w2).
  { apply new_gathering_ok; auto.
    - rewrite RE. pose proof (known_old _ _ _ _ I (i_main _ _ _ _ _ _ _ _ _ I)) as L. lia.
    - intros z Z. rewrite RE in Z. destruct (i_left _ _ _ _ _ _ _ _ _ I g z Z) as [KG _].
      eapply known_old in KG; eauto. lia.
    - intros f J. apply (ah_known _ _ _ _ (proj1 A1)). auto.
    - rewrite M. assert (S : forall f, In f fs -> may' f = may f).
      { intros f J. apply (ah_may _ _ _ _ (proj1 A1)). auto. }
      unfold gathers in *. destruct each.
      + intros rs H. apply GR. clear - H S. induction H; constructor; [rewrite <- S; [auto|left;
        auto]|].
        apply IHForall2. intros. apply S. right. auto.
      + destruct GR as [G1 G2]. split.
        * intros vs H. apply G1. clear - H S. induction H; constructor; [rewrite <- S; [auto|left;
          auto]|].
          apply IHForall2. intros. apply S. right. auto.
        * intros f e J Q. apply (G2 f e J). rewrite <- S; auto. }
  assert (A2 : ahead may w may' w2) by (eapply ahead_trans; [exact A1|apply ahead_same; auto]).
  assert (F2 : find g (gatherings (rest_of w2)) = Some x).
  { change (find g (put g x (gatherings (rest_of w1))) = Some x).
    rewrite find_put, Nat.eqb_refl. auto. }
  assert (D2 : is_done g (kernel_of w2) = false).
  { unfold is_done, state_of, find_future. change (kernel_of w2) with (kernel_of w1).
    rewrite FY, PY. auto. }
  match goal with |- ahead _ _ _ ?w9 /\ _ => set (w5 := w9) in * end.
  assert (H : inv may' due w5 /\ ahead may' w2 may' w5).
  { destruct (list_eq_dec Nat.eq_dec once []) as [OE|NE].
    - assert (W : w5 = finish_gathering g x w2) by (unfold w5, w3; rewrite OE; auto).
      rewrite W in *. rewrite OE in I2. apply finish_ok; auto. unfold x. simpl.
      intros f J. exfalso. revert OE. unfold once. destruct fs; [destruct J|discriminate].
    - assert (W : w3 = w2) by (unfold w3; destruct once; congruence).
      unfold w5 in *. rewrite W in *.
      destruct (watch_all_ok may' g once due w2 I2) as (I4 & A4 & H4); auto.
      { intros f J. apply (ah_known _ _ _ _ (proj1 A2)). apply K. eapply distinct_sub. exact J. }
      assert (EQ : forall f, In f once -> existsb (Nat.eqb f) ds = is_done f (kernel_of w2)).
      { intros f J. assert (J' : In f fs) by (eapply distinct_sub; exact J).
        assert (Q : is_done f (kernel_of w2) = is_done f (kernel_of w)).
        { apply DE. specialize (KF f J'). lia. }
        rewrite Q. destruct (is_done f (kernel_of w)) eqn:D.
        - apply existsb_In. unfold ds. apply filter_In. auto.
        - apply not_true_is_false. intro X. apply existsb_In in X. unfold ds in X.
          apply filter_In in X as [_ X]. congruence. }
      destruct (collect_all_ok may' g ds once due (fold_left (watch_child g) once w2)) as (I5 & A5);
        auto.
      + erewrite filter_ext_in; [exact I4|]. exact EQ.
      + intros f J. apply (ah_known _ _ _ _ (proj1 A4)). apply (ah_known _ _ _ _ (proj1 A2)).
        apply K.
        eapply distinct_sub. exact J.
      + intros f J X. rewrite H4. rewrite <- EQ; auto.
      + split; [exact I5|]. eapply ahead_trans; [exact A4|exact A5]. }
  destruct H as [I5 A5]. split; [eapply ahead_trans; [exact A2|exact A5]|]. split; auto.
  split; auto.
  split; [apply (ah_known _ _ _ _ (proj1 A5)); exact K1|]. rewrite (ah_task _ _ _ _ (proj1 A5));
    auto.
Qed.
Lemma start_shield_ok may due f w w' g : inv may due w -> known f (kernel_of w) ->
  (is_done f (kernel_of w) = true -> task_of f (kernel_of w) = None) ->
  start_shield f w = (w', g) -> refused (core_of w') = false ->
  exists may', ahead may w may' w' /\ inv may' due w' /\ may' g = may f /\ known g (kernel_of w') /\
    task_of g (kernel_of w') = None.
Proof.
  intros I K T E R. unfold start_shield in E. destruct (is_done f (kernel_of w)) eqn:D.
  { injection E as <- <-. exists may. split; [apply ahead_refl|]. auto. }
  destruct (answered_future (ask (OFutureNew Itself) w)) as [w1 o] eqn:N.
  destruct (when_done f (InnerDone f o) w1) as [w2 c] eqn:W1.
  destruct (when_done o (OuterDone f c) w2) as [w3 c3] eqn:W2. cbn [fst] in E. injection E as <- <-.
  assert (R2 : refused (core_of w2) = false).
  { eapply unrefused; [|exact R]. pose proof (in_when_done o (OuterDone f c) w2) as Q.
    rewrite W2 in Q. exact Q. }
  assert (R1 : refused (core_of w1) = false).
  { eapply unrefused; [|exact R2]. pose proof (in_when_done f (InnerDone f o) w1) as Q.
    rewrite W1 in Q. exact Q. }
  destruct (new_future_ok may due _ (may f) w w1 o I N R1)
    as (may' & A1 & I1 & M & G & RE & _ & y & FY & PY & OY).
  assert (KO : known o (kernel_of w1)) by (exists y; auto).
  assert (T1 : task_of o (kernel_of w1) = None).
  { unfold task_of, find_future. rewrite FY, OY. auto. }
  assert (MF : may' f = may f) by (apply (ah_may _ _ _ _ (proj1 A1)); eapply known_old; eauto).
  destruct (when_done_ok may' due f (InnerDone f o) w1 w2 c I1) as (I2 & A2 & _ & J2 & C1 & C2);
    auto.
  { apply (ah_known _ _ _ _ (proj1 A1)). auto. }
  { split; [apply (ah_known _ _ _ _ (proj1 A1)); auto|]. split; auto.
    split; [intros r Q; congruence|].
    rewrite RE. pose proof (known_old _ _ _ _ I (i_main _ _ _ _ _ _ _ _ _ I)) as L. lia. }
  destruct (when_done_ok may' due o (OuterDone f c) w2 w3 c3 I2) as (I3 & A3 & _); auto.
  { apply (ah_known _ _ _ _ (proj1 A2)). auto. }
  { split; auto. rewrite J2. intros j [Q|Q]; [injection Q as <-; eauto|].
    destruct (i_job _ _ _ _ _ _ _ _ _ I1 c j Q) as [L _]. unfold kernel_of in C1. lia. }
  assert (A : ahead may' w1 may' w3) by (eapply ahead_trans; eauto).
  exists may'. split; [eapply ahead_trans; eauto|]. split; auto. split; [congruence|].
  split; [apply (ah_known _ _ _ _ (proj1 A)); auto|]. rewrite (ah_task _ _ _ _ (proj1 A)); auto.
Qed.

Definition good_built (may : future_id -> result ->
  Prop) w (a : awaitable) (b : Program.built) : Prop :=
  match b with
  | BFuture f => known f (kernel_of w) /\ task_of f (kernel_of w) = None /\
      forall e r, may f r -> gives p e a [] r
  | BFrames _ fs => (exists c, a = AwCoro c /\ fs = [FEnter c]) \/
      exists d v, a = AwSleep d v /\ fs = [FBegin d v]
  end.
Lemma good_built_ahead due may w may' w' a b : inv may due w -> ahead may w may' w' ->
  good_built may w a b -> good_built may' w' a b.
Proof.
  intros I A G. destruct b as [f|k fs]; simpl in *; auto. destruct G as (K & T & H).
  split; [apply (ah_known _ _ _ _ (proj1 A)); auto|]. split; [rewrite (ah_task _ _ _ _ (proj1 A));
    auto|].
  intros e r M. apply H. rewrite <- (ah_may _ _ _ _ (proj1 A)); auto. eapply known_old; eauto.
Qed.
Lemma good_builts_ahead due may w may' w' l bs : inv may due w -> ahead may w may' w' ->
  Forall2 (good_built may w) l bs -> Forall2 (good_built may' w') l bs.
Proof. intros I A H. induction H; constructor; auto. eapply good_built_ahead; eauto. Qed.

Lemma returned_throwing r : returned (throwing r) = r.
Proof. destruct r; auto. Qed.

Definition some_gives a r : Prop := exists u, gives p no_error a u r.

Lemma ensure_ok may due a b w w' f : inv may due w -> good_built may w a b ->
  ensure b w = (w', f) -> refused (core_of w') = false ->
  exists may', ahead may w may' w' /\ inv may' due w' /\ known f (kernel_of w') /\
    (is_done f (kernel_of w') = true -> task_of f (kernel_of w') = None) /\
    forall r, may' f r -> some_gives a r.
Proof.
  intros I G E R. destruct b as [g|k fs]; simpl in *.
  - injection E as <- <-. destruct G as (K & T & H). exists may. split; [apply ahead_refl|].
    split; auto. split; auto. split; auto. intros r Q. exists []. auto.
  - destruct (start_implicit_ok may due fs (some_gives a) w w' f I E R)
      as (may' & A & I1 & M & K & D).
    + destruct G as [(c & -> & ->)|(d & v & -> & ->)]; repeat constructor.
    + intros u r Q. destruct G as [(c & -> & ->)|(d & v & -> & ->)]; simpl in Q.
      * destruct Q as (t1 & o & t2 & Q & (_ & ->) & _). rewrite returned_throwing.
        eexists. apply gives_coro. exact Q.
      * destruct Q as [_ ->]. eexists. apply gives_sleep.
    + exists may'. split; auto. split; auto. split; auto. split; [congruence|]. rewrite M. auto.
Qed.

Lemma ensure_all_ok l : forall bs may due w w' fs, inv may due w ->
  Forall2 (good_built may w) l bs ->
  ensure_all bs w = (w', fs) -> refused (core_of w') = false ->
  exists may', ahead may w may' w' /\ inv may' due w' /\
    Forall2 (fun a f => known f (kernel_of w') /\ forall r, may' f r -> some_gives a r) l fs.
Proof.
  induction l as [|a l IH]; intros bs may due w w' fs I G E R; inversion G as [|? b ? bs' G1 G2];
    subst;
    cbn [ensure_all] in E.
  - injection E as <- <-. exists may. split; [apply ahead_refl|]. auto.
  - destruct (ensure b w) as [w1 f] eqn:E1. destruct (ensure_all bs' w1) as [w2 fs'] eqn:E2.
    injection E as <- <-.
    assert (R1 : refused (core_of w1) = false).
    { eapply unrefused; [|exact R]. pose proof (in_ensure_all bs' w1) as Q. rewrite E2 in Q.
      exact Q. }
    destruct (ensure_ok may due a b w w1 f I G1 E1 R1) as (may1 & A1 & I1 & K1 & _ & M1).
    destruct (IH bs' may1 due w1 w2 fs' I1) as (may2 & A2 & I2 & F2); auto.
    { exact (good_builts_ahead due may w may1 w1 l bs' I A1 G2). }
    exists may2. split; [eapply ahead_trans; eauto|]. split; auto. constructor; auto.
    split; [apply (ah_known _ _ _ _ (proj1 A2)); auto|]. intros r Q. apply M1.
    rewrite <- (ah_may _ _ _ _ (proj1 A2)); auto. eapply known_old; eauto.
Qed.

Lemma give_all_shown (may : future_id -> result -> Prop) l fs : Forall2 (fun a f => forall r,
  may f r -> some_gives a r) l fs ->
  forall rs, Forall2 may fs rs -> give_all p l rs.
Proof.
  induction 1 as [|a f l fs H _ IH]; intros rs F; inversion F as [|? r ? rs' F1 F2]; subst;
    [constructor|]. destruct (H r F1) as (u & G). econstructor; eauto.
Qed.

Definition build_next (c : world * list Program.built) (a : awaitable) : world * list Program.built
  :=
  let (w, b) := build a (fst c) in (w, snd c ++ [b]).
Lemma in_builds l : forall c, inside (fst c) (fst (fold_left build_next l c)).
Proof.
  induction l as [|a l IH]; simpl; intro c; [apply inside_refl|].
  eapply inside_trans; [|apply IH]. unfold build_next. pose proof (built a (fst c)) as Q.
  destruct (build a (fst c)). exact Q.
Qed.

Lemma build_ok n : forall a, size a <= n -> plain_await a = true ->
  forall may due w w' b, inv may due w -> build a w = (w', b) -> refused (core_of w') = false ->
  exists may', ahead may w may' w' /\ inv may' due w' /\ good_built may' w' a b.
Proof.
  induction n as [|n IH]; intros a L PA may due w w' b I E R; [destruct a; simpl in L; lia|].
  destruct a as [h|c|d v|l each|a]; cbn [build] in E.
  - discriminate.
  - injection E as <- <-. exists may. split; [apply ahead_refl|]. split; auto. left. eauto.
  - injection E as <- <-. exists may. split; [apply ahead_refl|]. split; auto. right. eauto.
  - change (fun (c : world * list Program.built) (a : awaitable) => let (w, b) := build a (fst c) in
      (w, snd c ++ [b])) with build_next in E.
    destruct (fold_left build_next l (w, [])) as [w1 bs] eqn:E1.
    destruct (ensure_all bs w1) as [w2 fs] eqn:E2. destruct (start_gathering fs each w2) as [w3 g]
      eqn:E3.
    injection E as <- <-.
    assert (R2 : refused (core_of w2) = false).
    { eapply unrefused; [|exact R]. pose proof (in_start_gathering fs each w2) as Q.
      rewrite E3 in Q. exact Q. }
    assert (R1 : refused (core_of w1) = false).
    { eapply unrefused; [|exact R2]. pose proof (in_ensure_all bs w1) as Q. rewrite E2 in Q.
      exact Q. }
    assert (B : forall l done may w bs w1 bs1, fold_right (fun a n => size a + n) 0 l <= n ->
      forallb plain_await l = true -> inv may due w -> Forall2 (good_built may w) done bs ->
      fold_left build_next l (w, bs) = (w1, bs1) -> refused (core_of w1) = false ->
      exists may', ahead may w may' w1 /\ inv may' due w1 /\
        Forall2 (good_built may' w1) (done ++ l) bs1).
    { clear - IH. induction l as [|a l IHl]; simpl; intros done may w bs w1 bs1 L P I G E R.
      - injection E as <- <-. exists may. split; [apply ahead_refl|]. rewrite app_nil_r. auto.
      - apply andb_true_iff in P as [P1 P2]. unfold build_next at 2 in E. cbn [fst snd] in E.
        destruct (build a w) as [w0 b] eqn:E0.
        assert (R0 : refused (core_of w0) = false).
        { eapply unrefused; [|exact R]. pose proof (in_builds l (w0, bs ++ [b])) as Q.
          rewrite E in Q. exact Q. }
        destruct (IH a ltac:(lia) P1 may due w w0 b I E0 R0) as (may0 & A0 & I0 & G0).
        destruct (IHl (done ++ [a]) may0 w0 (bs ++ [b]) w1 bs1) as (may1 & A1 & I1 & G1); auto;
          [lia| |].
        + apply Forall2_app; [|constructor; auto]. exact (good_builts_ahead due may w may0 w0 _ _ I
          A0 G).
        + exists may1. split; [eapply ahead_trans; eauto|]. split; auto.
          rewrite <- app_assoc in G1. exact G1. }
    destruct (B l [] may w [] w1 bs) as (may1 & A1 & I1 & G1); auto; [simpl in L; lia|].
    destruct (ensure_all_ok l bs may1 due w1 w2 fs I1 G1 E2 R2) as (may2 & A2 & I2 & F2).
    destruct (start_gathering_ok may2 due fs each (gives p no_error (AwGather l each) []) w2 w3 g I2
      E3
      R)
      as (may3 & A3 & I3 & M3 & K3 & T3).
    + clear - F2. induction F2 as [|a f l fs [K _] _ IH]; intros h J; [destruct J|].
      destruct J as [<-|J]; auto.
    + assert (F3 : Forall2 (fun a f => forall r, may2 f r -> some_gives a r) l fs).
      { clear - F2. induction F2 as [|a f l fs [_ M] _ IH]; constructor; auto. }
      unfold gathers. destruct each; [|split].
      * intros rs H. apply gives_gather. eapply give_all_shown; eauto.
      * intros vs H. apply gives_values. eapply give_all_shown; eauto.
        clear - H. induction H; constructor; auto.
      * intros f e J M. assert (X : exists a, In a l /\ forall r, may2 f r -> some_gives a r).
        { clear - F3 J. induction F3 as [|a h l fs M _ IH]; [destruct J|destruct J as [->|J]].
          - exists a. simpl. auto.
          - destruct (IH J) as (a' & Q & Q'). exists a'. simpl. auto. }
        destruct X as (a & J' & X). destruct (X _ M) as (u & G). eapply gives_failed; eauto.
    + exists may3. split; [eapply ahead_trans; [exact A1|]; eapply ahead_trans; eauto|].
      split; auto.
      split; auto. split; auto. rewrite M3. intros e r Q. inversion Q; subst; econstructor; eauto.
  - destruct (build a w) as [w1 b1] eqn:E1. destruct (ensure b1 w1) as [w2 f] eqn:E2.
    destruct (start_shield f w2) as [w3 g] eqn:E3. injection E as <- <-.
    assert (R2 : refused (core_of w2) = false).
    { eapply unrefused; [|exact R]. pose proof (in_start_shield f w2) as Q. rewrite E3 in Q.
      exact Q. }
    assert (R1 : refused (core_of w1) = false).
    { eapply unrefused; [|exact R2]. pose proof (in_ensure b1 w1) as Q. rewrite E2 in Q. exact Q. }
    destruct (IH a ltac:(simpl in L; lia) PA may due w w1 b1 I E1 R1) as (may1 & A1 & I1 & G1).
    destruct (ensure_ok may1 due a b1 w1 w2 f I1 G1 E2 R2) as (may2 & A2 & I2 & K2 & D2 & M2).
    destruct (start_shield_ok may2 due f w2 w3 g I2 K2 D2 E3 R) as (may3 & A3 & I3 & M3 & K3 & T3).
    exists may3. split; [eapply ahead_trans; [exact A1|]; eapply ahead_trans; eauto|]. split; auto.
    split; auto. split; auto. rewrite M3. intros e r Q.
    destruct (M2 r Q) as (u & G). eapply gives_shield; eauto.
Qed.

(** ** Statements that do not wait *)

Lemma here P s : throughout P s = true -> P s = true.
Proof. destruct s; simpl; intro H; apply andb_true_iff in H as [H _]; auto. Qed.

Lemma no_handles n : forall a, size a <= n -> plain_await a = true -> handles_in a = [].
Proof.
  induction n as [|n IH]; intros a L PA; [destruct a; simpl in L; lia|].
  destruct a as [h|c|d v|l each|a]; simpl in *; auto; try discriminate.
  - assert (B : fold_right (fun a n => size a + n) 0 l <= n) by lia. clear L.
    induction l as [|a l IHl]; simpl in *; auto. apply andb_true_iff in PA as [P1 P2].
    rewrite IH, IHl; auto; lia.
  - apply IH; auto. lia.
Qed.

(** What task [t] has said, if it is main. *)
Definition own (t : task_id) (u : list said) : list said := if t =? main_task then u else [].
Lemma own_app t u v : own t (u ++ v) = own t u ++ own t v.
Proof. unfold own. destruct (t =? main_task); auto. Qed.
Lemma own_none t : own t [] = [].
Proof. unfold own. destruct (t =? main_task); auto. Qed.

Lemma main_said_more l ls : main_said (l :: ls) = main_said ls ++ (if of_main l then [l_said l] else
  []).
Proof. unfold main_said. simpl. destruct (of_main l); simpl; auto. rewrite app_nil_r. auto. Qed.
Lemma say_hush x t w : active (rest_of w) = Some t -> mine (rest_of w) ->
  hush (match x with IsNow _ => [] | _ => own t [x] end) w (say x w).
Proof.
  intros A M. constructor; auto. unfold say. cbn [with_rest rest_of lines set_lines].
  rewrite main_said_more.
  f_equal. unfold of_main. cbn [l_task l_said]. rewrite A.
  assert (L : match label_of t w with Some (Named h) => h =? main_coro | _ => false end =
    (t =? main_task)).
  { unfold label_of. specialize (M t). destruct (Nat.eqb_spec t main_task) as [->|N].
    - rewrite (proj2 M eq_refl). auto.
    - destruct (find t (labels (rest_of w))) as [[h|n]|]; auto.
      destruct (Nat.eqb_spec h main_coro) as [->|]; auto. destruct N. apply M. auto. }
  unfold own. destruct (label_of t w) as [[h|n]|]; destruct x; rewrite <- ?L; auto.
Qed.

Lemma statement_ok s t may due w w' o : plain_stmt s = true ->
  match s with Do _ | Try _ _ _ _ | Reraise | Repeat _ _ => False | _ => True end ->
  inv may due w -> active (rest_of w) = Some t -> mine (rest_of w) ->
  statement s w = (w', o) -> refused (core_of w') = false ->
  exists may' u, later may w may' w' /\ inv may' due w' /\ hush (own t u) w w' /\ good_flow o /\
    forall e, does p e s u o.
Proof.
  intros P NW I AC MI E R. apply here in P.
  assert (AHEAD : forall may' o, ahead may w may' w' -> inv may' due w' -> good_flow o ->
    (forall e, does p e s [] o) ->
    exists may' u, later may w may' w' /\ inv may' due w' /\ hush (own t u) w w' /\ good_flow o /\
      forall e, does p e s u o).
  { intros may' o0 [A H] I1 G D. exists may', []. rewrite own_none. auto 6. }
  destruct s; try contradiction; try discriminate; cbn [statement] in E.
  - injection E as <- <-. exists may, [Logged v]. split; [apply later_same; auto|].
    split; [exact I|].
    split; [apply (say_hush (Logged v)); auto|]. split; [exact Logic.I|constructor].
  - injection E as <- <-. exists may, []. split; [apply later_same; auto|]. split; [exact I|].
    rewrite own_none. split; [apply (say_hush (IsNow (now (kernel_of w))) t); auto|].
    split; [exact Logic.I|constructor].
  - simpl in P. assert (NH : handles_in a = []).
    { apply (no_handles (size a)); auto. }
    rewrite NH in E. simpl in E. destruct (build a w) as [w1 b] eqn:E1.
    destruct (ensure b w1) as [w2 f] eqn:E2. injection E as <- <-.
    change (core_of (name_it h (OfFuture f) w2)) with (core_of w2) in R.
    assert (R1 : refused (core_of w1) = false).
    { eapply unrefused; [|exact R]. pose proof (in_ensure b w1) as Q. rewrite E2 in Q. exact Q. }
    destruct (build_ok (size a) a (le_n _) P may due w w1 b I E1 R1) as (may1 & A1 & I1 & G1).
    destruct (ensure_ok may1 due a b w1 w2 f I1 G1 E2 R) as (may2 & A2 & I2 & _).
    apply (AHEAD may2); [|exact I2|exact Logic.I|constructor].
    eapply ahead_trans; [exact A1|]. eapply ahead_trans; [exact A2|]. apply ahead_same; auto.
  - destruct (start_task (Some (Named h)) [FEnter c] w) as [w1 f] eqn:E1. injection E as <- <-.
    assert (NL : Some (Named h) <> Some (Named main_coro)).
    { simpl in P. intro Q. injection Q as ->. discriminate. }
    destruct (start_task_ok may due _ _ (fun _ => True) w w1 f I E1 NL R) as (may1 & A1 & I1 & _);
      [repeat constructor|auto|].
    apply (AHEAD may1); [|exact I1|exact Logic.I|constructor].
    eapply ahead_trans; [exact A1|]. apply ahead_same; auto.
  - injection E as <- <-. destruct (active (rest_of w));
      (apply (AHEAD may); [apply ahead_same; auto|exact I|exact Logic.I|constructor]).
  - injection E as <- <-. unfold asks in *. destruct (ask (OBusy d) w) as [w1 a] eqn:A.
    destruct (ask_ok may due _ _ _ _ I A R Logic.I) as (I1 & _ & G & _).
    apply (AHEAD may); [apply grew_ahead; exact G|exact I1|exact Logic.I|constructor].
  - injection E as <- <-. apply (AHEAD may); [apply ahead_same; auto|exact I| |constructor].
    simpl in P. simpl. destruct (Nat.eqb_spec (e_kind e) cancelled_error); [discriminate|auto].
  - injection E as <- <-. apply (AHEAD may); [apply ahead_same;
    auto|exact I|exact Logic.I|constructor].
Qed.

(** ** Awaits *)

Lemma not_cancelled may due f w : inv may due w -> known f (kernel_of w) ->
  state_of f (kernel_of w) <> Cancelled.
Proof.
  intros I (y & E). destruct (c_future _ (i_calm _ _ _ _ _ _ _ _ _ I) f y E) as [N _].
  unfold state_of, find_future. rewrite E. exact N.
Qed.

Lemma poll_wait_ok may due t wt since w w' r n : inv may due w ->
  good_wait wt (jobs (rest_of w)) (kernel_of w) -> poll_wait t wt since w = (w', (r, n)) ->
  refused (core_of w') = false ->
  inv may due w' /\ ahead may w may w' /\ rest_of w' = rest_of w /\
  good_wait wt (jobs (rest_of w')) (kernel_of w') /\
  match r with None => True | Some q => expected may wt q /\ sound q end.
Proof.
  intros I GW E R. unfold poll_wait in E. destruct (ask (OPollAwait t (on_of wt) since) w) as [w1 a]
    eqn:A.
  assert (R1 : refused (core_of w1) = false).
  { destruct a as [| | | | | |q s| | | | | | |]; try (injection E as <- _ _; exact R).
    assert (F : forall q s, (let w2 := match s with Some n => asks (OEndAwait t (on_of wt) n) w1 |
      None => w1 end in
      let (w3, r) := waited wt q w2 in (w3, (r, 0))) = (w', (r, n)) ->
        refused (core_of w1) = false).
    { intros q0 s0 E0. cbv zeta in E0. match type of E0 with context[waited wt q0 ?w2] =>
        assert (J : inside w1 w2) by (destruct s0; [apply in_asks;
          exact Logic.I|apply inside_refl]);
        pose proof (in_waited wt q0 w2) as J2; destruct (waited wt q0 w2) as [w3 r3] end.
      injection E0 as <- _ _. eapply unrefused; [|exact R]. eapply inside_trans; eauto. }
    destruct q; [|apply (F AwaitDone s E)|apply (F (AwaitTold m) s E)].
    destruct s; [|apply (F AwaitPending None E)]. injection E as <- _ _. exact R. }
  destruct (ask_ok may due _ _ _ _ I A R1 Logic.I) as (I1 & Q1 & G1 & O).
  assert (GW1 : good_wait wt (jobs (rest_of w1)) (kernel_of w1)).
  { rewrite Q1. eapply good_wait_later; [exact (proj1 G1)|auto]. }
  cbn [apply] in O. unfold when in O. destruct (is_running t (machine_of (core_of w))) eqn:RN;
    [|discriminate].
  destruct (grows_poll_await (fun _ => True) (fun _ => True) (fun _ => True) (fun _ => True) True
    t (on_of wt) since _ (i_calm _ _ _ _ _ _ _ _ _ I)) as [_ P].
  destruct (poll_await t (on_of wt) since (kern (machine_of (core_of w)))) as [k1 [q s]].
  unfold same in O. injection O as O <-. cbn [fst snd] in *.
  assert (KE : kernel_of w1 = k1) by (unfold kernel_of; rewrite <- O; auto). rewrite <- KE in P.
  assert (TN : find t (tasks (kern (machine_of (core_of w)))) <> None).
  { destruct (i_good _ _ _ _ _ _ _ _ _ I) as (b & GM). unfold is_running in RN.
    destruct (running (machine_of (core_of w))) as [u|] eqn:U; [|discriminate].
    apply Nat.eqb_eq in RN. subst u.
    destruct (r_lives _ _ (a_runner _ (g_alive _ _ GM)) t U) as (x & F & _). congruence. }
  assert (AH1 : ahead may w may w1) by (apply grew_ahead; exact G1).
  assert (FIN : forall w2, inv may due w2 -> ahead may w1 may w2 -> rest_of w2 = rest_of w1 ->
    good_wait wt (jobs (rest_of w2)) (kernel_of w2) ->
    (let (w3, r) := waited wt q w2 in (w3, (r, 0))) = (w', (r, n)) ->
    inv may due w' /\ ahead may w may w' /\ rest_of w' = rest_of w /\
      good_wait wt (jobs (rest_of w')) (kernel_of w') /\
      match r with None => True | Some q => expected may wt q /\ sound q end).
  { clear E. intros w2 I2 A2 Q2 GW2 E.
    assert (AH2 : ahead may w may w2) by (eapply ahead_trans; eauto).
    assert (QQ : rest_of w2 = rest_of w) by congruence.
    destruct q; [| |destruct P].
    1: { simpl in E. injection E as <- <- _. auto 6. }
    destruct wt as [v|f c v|f|]; simpl in E.
    - injection E as <- <- _. split; auto. split; auto. split; auto. split; simpl; auto.
    - pose proof (not_cancelled may due f w2 I2 (proj1 GW2)) as NC.
      assert (E' : (asks (OCancelCall c) w2, (Some (Good v), 0)) = (w', (r, n)))
        by (destruct (state_of f (kernel_of w2)); auto; contradiction).
      clear E. injection E' as <- <- _. unfold asks in *.
      destruct (ask (OCancelCall c) w2) as [w3 a3] eqn:A3. simpl in R.
      destruct (ask_ok may due _ _ _ _ I2 A3 R (proj2 GW2)) as (I3 & Q3 & G3 & _). simpl.
      split; auto. split; [eapply ahead_trans; [exact AH2|apply grew_ahead; exact G3]|].
      split; [congruence|]. split; [|auto]. rewrite Q3.
      apply (good_wait_later _ _ _ _ _ _ _ (proj1 G3) (WTimer f c v)). exact GW2.
    - assert (D2 : is_done f (kernel_of w2) = true).
      { apply (ah_done _ _ _ _ (proj1 A2)); [exact GW1|]. destruct P; [auto|contradiction]. }
      destruct (settled_known may due f w2 I2 GW2 D2) as [S M].
      unfold outcome_now in E. rewrite S in E. injection E as <- <- _.
      split; auto. split; auto. split; auto. split; auto. split; auto. eapply result_sound; eauto.
    - destruct GW2. }
  assert (FIN2 : (let w2 := match s with Some n => asks (OEndAwait t (on_of wt) n) w1 | None =>
    w1 end in
      let (w3, r) := waited wt q w2 in (w3, (r, 0))) = (w', (r, n)) ->
    inv may due w' /\ ahead may w may w' /\ rest_of w' = rest_of w /\
      good_wait wt (jobs (rest_of w')) (kernel_of w') /\
      match r with None => True | Some q => expected may wt q /\ sound q end).
  { clear E. intro E. cbv zeta in E. destruct s as [m|]; [|apply (FIN w1); auto; apply ahead_refl].
    unfold asks in E. destruct (ask (OEndAwait t (on_of wt) m) w1) as [w2 a2] eqn:A2. simpl in E.
    assert (R2 : refused (core_of w2) = false).
    { pose proof (in_waited wt q w2) as J. destruct (waited wt q w2). injection E as <- _ _.
      eapply unrefused; [exact J|exact R]. }
    destruct (ask_ok may due _ _ _ _ I1 A2 R2 Logic.I) as (I2 & Q2 & G2 & _).
    apply (FIN w2); auto; [apply grew_ahead; exact G2|]. rewrite Q2.
    eapply good_wait_later; [exact (proj1 G2)|auto].
    }
  destruct q; try (apply FIN2; exact E). destruct s; [|apply FIN2; exact E].
  injection E as <- <- _. auto.
Qed.

Lemma begin_sleep_ok may due d v w w' wt : inv may due w -> begin_sleep d v w = (w', wt) ->
  refused (core_of w') = false ->
  exists may', ahead may w may' w' /\ inv may' due w' /\
    good_wait wt (jobs (rest_of w')) (kernel_of w') /\ forall q, expected may' wt q -> q = Good v.
Proof.
  intros I E R. unfold begin_sleep in E. destruct (time_ltb 0 d).
  - destruct (answered_future (ask (OFutureNew Itself) w)) as [w1 f] eqn:N.
    unfold answered_call in E.
    match type of E with context[ask ?o w1] => destruct (ask o w1) as [w2 a] eqn:A end.
    cbn [fst snd] in E. injection E as <- <-.
    assert (R1 : refused (core_of w1) = false).
    { apply (ask_refused (OArm (time_add (now (kernel_of w1)) d) (Resolve f))). rewrite A. exact R.
      }
    destruct (new_future_ok may due _ (fun _ => True) w w1 f I N R1)
      as (may' & A1 & I1 & M & FE & RE & _ & y & FY & _).
    destruct (ask_ok may' due _ _ _ _ I1 A R) as (I2 & Q2 & G2 & O).
    { unfold allowed. simpl. rewrite M. split; auto. rewrite RE.
      pose proof (known_old _ _ _ _ I (i_main _ _ _ _ _ _ _ _ _ I)) as L. lia. }
    exists may'. split; [eapply ahead_trans; [exact A1|apply grew_ahead; exact G2]|]. split; auto.
    split; [|simpl; auto]. split; [apply (known_later _ _ _ _ _ _ _ (proj1 G2)); exists y; auto|].
    cbn [apply] in O. unfold when in O. destruct (may_resolve _ _); [|discriminate].
    unfold arm, new_call, same in O. cbv zeta in O. injection O as O <-. split.
    + unfold kernel_of. rewrite <- O. simpl. lia.
    + intros j J. rewrite Q2 in J. destruct (i_job _ _ _ _ _ _ _ _ _ I1 _ j J) as [L _]. lia.
  - injection E as <- <-. exists may. split; [apply ahead_refl|]. split; auto. split; simpl; auto.
Qed.

(** ** Coroutines *)

(** What running the frames has come to. *)
Definition paused t may due w fs o w' (s : pause) : Prop :=
  exists may' u, later may w may' w' /\ inv may' due w' /\ hush (own t u) w w' /\
  match s with
  | Suspended wt _ fs' => good_wait wt (jobs (rest_of w')) (kernel_of w') /\
    Forall plain_frame fs' /\
      forall q v r, expected may' wt q -> resume p fs' (throwing q) v r -> resume p fs o (u ++ v) r
  | Ended q => sound q /\ resume p fs o u q
  end.

Lemma plain_try b hs els fin : plain_stmt (Try b hs els fin) = true ->
  all_plain b /\ plain_frame (FTry hs els fin).
Proof.
  unfold plain_stmt, all_plain. cbn [throughout plain_here andb]. intro H.
  repeat (apply andb_true_iff in H as [H ?]). repeat split; auto.
Qed.
Lemma plain_caught e hs els fin b : plain_frame (FTry hs els fin) -> catching e hs = Some b ->
  all_plain b.
Proof.
  intros [H _]. induction hs as [|[ks c] hs IH]; simpl in *; [discriminate|].
  apply andb_true_iff in H as [H1 H2]. destruct (existsb (Nat.eqb e) ks); auto. injection 1 as <-.
  exact H1.
Qed.
Lemma handled_plain fs : Forall plain_frame fs -> e_kind (handled fs) <> cancelled_error.
Proof.
  induction 1 as [|f fs P _ IH]; simpl; [discriminate|]. destruct f; auto.
Qed.
Lemma frames_ok fuel : forall t o fs may due w w' s, inv may due w -> Forall plain_frame fs ->
  good_flow o -> active (rest_of w) = Some t -> mine (rest_of w) ->
  run_frames p fuel (Some t) o fs w = (w', s) -> refused (core_of w') = false ->
  paused t may due w fs o w' s.
Proof.
  induction fuel as [|fuel IH]; intros t o fs may due w w' s I PF GF AC MI E R.
  { injection E as <- _. discriminate. }
  cbn [run_frames] in E. cbv zeta in E.
  assert (FN : good_flow Next) by exact Logic.I.
  assert (FV : forall v, good_flow (Value v)) by (intro; exact Logic.I).
  assert (GO : forall may1 w1 o1 fs1 u1, later may w may1 w1 -> inv may1 due w1 ->
    hush (own t u1) w w1 -> Forall plain_frame fs1 -> good_flow o1 ->
    (forall v r, resume p fs1 o1 v r -> resume p fs o (u1 ++ v) r) ->
    run_frames p fuel (Some t) o1 fs1 w1 = (w', s) -> paused t may due w fs o w' s).
  { intros may1 w1 o1 fs1 u1 A1 I1 H1 P1 F1 H E1.
    assert (AC1 : active (rest_of w1) = Some t) by (rewrite (hu_active _ _ _ H1); auto).
    destruct (IH t o1 fs1 may1 due w1 w' s I1 P1 F1 AC1 (hu_mine _ _ _ H1 MI) E1 R)
      as (may2 & u2 & A2 & I2 & H2 & S).
    exists may2, (u1 ++ u2). split; [eapply later_trans; eauto|]. split; auto.
    split; [rewrite own_app; eapply hush_trans; eauto|].
    destruct s as [wt n fs2|q]; [|destruct S; auto]. destruct S as (S1 & S2 & S3).
    split; auto. split; auto. intros q v r X Q. rewrite <- app_assoc. eauto. }
  assert (GS : forall o1 fs1, Forall plain_frame fs1 ->
    good_flow o1 -> (forall v r, resume p fs1 o1 v r -> resume p fs o v r) ->
    run_frames p fuel (Some t) o1 fs1 w = (w', s) -> paused t may due w fs o w' s).
  { intros o1 fs1. apply (GO may w o1 fs1 []); [apply later_same; auto|exact I|].
    rewrite own_none. apply hush_refl. }
  assert (GSAY : forall x o1 fs1, (forall n, x <> IsNow n) -> Forall plain_frame fs1 ->
    good_flow o1 -> (forall v r, resume p fs1 o1 v r -> resume p fs o (x :: v) r) ->
    run_frames p fuel (Some t) o1 fs1 (say x w) = (w', s) -> paused t may due w fs o w' s).
  { intros x o1 fs1 NN. apply (GO may (say x w) o1 fs1 [x]); [apply later_same; auto|exact I|].
    pose proof (say_hush x t w AC MI) as H. destruct x; auto. destruct (NN t0). auto. }
  assert (WF : forall may1 w1 wt fs1, ahead may w may1 w1 -> inv may1 due w1 ->
    good_wait wt (jobs (rest_of w1)) (kernel_of w1) -> Forall plain_frame fs1 ->
    (forall q v r, expected may1 wt q -> resume p fs1 (throwing q) v r -> resume p fs o v r) ->
    (let '(w, (r, since)) := poll_wait t wt None w1 in
     match r with
     | Some r => run_frames p fuel (Some t) (throwing r) fs1 w
     | None => (w, Suspended wt since fs1)
     end) = (w', s) -> paused t may due w fs o w' s).
  { intros may1 w1 wt fs1 A1 I1 G1 P1 H E1. destruct (poll_wait t wt None w1) as [w2 [r n]] eqn:PW.
    assert (R2 : refused (core_of w2) = false).
    { destruct r as [r|]; [|injection E1 as <- _; exact R]. eapply unrefused; [|exact R].
      pose proof (in_frames p fuel (Some t) (throwing r) fs1 w2) as J. rewrite E1 in J. exact J. }
    destruct (poll_wait_ok may1 due t wt None w1 w2 r n I1 G1 PW R2) as (I2 & A2 & _ & G2 & X).
    assert (A3 : ahead may w may1 w2) by (eapply ahead_trans; eauto). destruct A3 as [A3 H3].
    destruct r as [r|].
    - destruct X as [X1 X2]. apply (GO may1 w2 (throwing r) fs1 [] A3 I2);
        [rewrite own_none; exact H3|exact P1|destruct r; exact X2|intros v r0; apply H; exact X1
        |exact E1].
    - injection E1 as <- <-. exists may1, []. rewrite own_none. split; [exact A3|].
      split; [exact I2|].
      split; [exact H3|]. split; [exact G2|split; auto]. }
  destruct fs as [|f fs].
  { injection E as <- <-. exists may, []. rewrite own_none. split; [apply later_same; auto|].
    split; auto. split; [apply hush_refl|]. destruct o; simpl in *; auto. }
  inversion PF as [|? ? Pf Pfs]; subst.
  destruct f as [l|n l|hs els fin|e|fin|before|c|c|k|d v].
  - destruct l as [|st l].
    { destruct o; (eapply (GS _ fs); [auto|exact GF| |exact E]); auto.
      intros v0 r Q. exists [], Next, v0. split; auto. apply all_done. }
    destruct o; try (apply (GS _ fs) in E; auto; fail).
    unfold plain_frame, all_plain in Pf. cbn [forallb] in Pf. apply andb_true_iff in Pf as [Ps Pl].
    assert (PR : Forall plain_frame (FSeq l :: fs)) by (constructor; auto).
    assert (ST : match st with Do _ | Try _ _ _ _ | Reraise | Repeat _ _ => False | _ => True end ->
      (let (w, o) := statement st w in run_frames p fuel (Some t) o (FSeq l :: fs) w) = (w', s) ->
      paused t may due w (FSeq (st :: l) :: fs) Next w' s).
    { intros NW E1. destruct (statement st w) as [w1 o1] eqn:S1.
      assert (R1 : refused (core_of w1) = false).
      { eapply unrefused; [|exact R]. pose proof (in_frames p fuel (Some t) o1 (FSeq l :: fs) w1) as
        J.
        rewrite E1 in J. exact J. }
      destruct (statement_ok st t may due w w1 o1 Ps NW I AC MI S1 R1)
        as (may1 & u & A1 & I1 & H1 & F1 & D1).
      apply (GO may1 w1 o1 (FSeq l :: fs) u); auto. intros v r Q. eapply resume_seq; eauto. }
    destruct st; try (apply (ST Logic.I); exact E); clear ST.
    + (* await *)
      pose proof (here _ _ Ps) as Pa. simpl in Pa. rewrite (no_handles _ a (le_n _) Pa) in E.
      simpl missing in E.
      cbv iota in E. destruct (build a w) as [w1 b] eqn:B.
      assert (R1 : refused (core_of w1) = false).
      { eapply unrefused; [|exact R]. destruct b as [f|k begun].
        - pose proof (in_poll_wait t (wait_on t f w1) None w1) as J.
          destruct (poll_wait t (wait_on t f w1) None w1) as [w2 [r n]]. destruct r as [r|].
          + eapply inside_trans; [exact J|].
            pose proof (in_frames p fuel (Some t) (throwing r) (FAwaited (kind_of a) :: FSeq l ::
              fs) w2) as J2.
            rewrite E in J2. exact J2.
          + injection E as <- _. exact J.
        - pose proof (in_frames p fuel (Some t) Next (begun ++ FAwaited (kind_of a) :: FSeq l :: fs)
          w1) as J2.
          rewrite E in J2. exact J2. }
      destruct (build_ok (size a) a (le_n _) Pa may due w w1 b I B R1) as (may1 & A1 & I1 & G1).
      assert (PR2 : Forall plain_frame (FAwaited (kind_of a) :: FSeq l :: fs)) by (constructor;
        simpl; auto).
      destruct b as [f|k begun].
      * destruct G1 as (K1 & T1 & M1). unfold wait_on in E. rewrite T1 in E.
        apply (WF may1 w1 (WFuture f) (FAwaited (kind_of a) :: FSeq l :: fs)); auto.
        intros q v r X Q. eapply (resume_await p a []); eauto.
      * destruct A1 as [A1 H1].
        destruct G1 as [(c & -> & ->)|(d & v & -> & ->)].
        -- apply (GO may1 w1 Next (FEnter c :: FAwaited KCoro :: FSeq l :: fs) [] A1 I1);
             [rewrite own_none; exact H1|constructor; simpl; auto|exact Logic.I
             |intros v r Q; eapply resume_coro; exact Q|exact E].
        -- apply (GO may1 w1 Next (FBegin d v :: FAwaited KSleep :: FSeq l :: fs) [] A1 I1);
             [rewrite own_none; exact H1|constructor; simpl; auto|exact Logic.I
             |intros v0 r Q; eapply resume_sleep; exact Q|exact E].
    + apply plain_try in Ps as [Pb Pt].
      apply (GS Next (FSeq body :: FTry handlers otherwise finally :: FSeq l :: fs)); auto.
      intros v r Q. apply (resume_try p). exact Q.
    + apply (GS (Threw (handled (FSeq l :: fs))) (FSeq l :: fs)); auto.
      * apply (handled_plain (FSeq l :: fs)). auto.
      * intros v r Q. exact (resume_seq p Reraise [] l fs _ v r (does_reraise p _) Q).
    + unfold plain_stmt in Ps. cbn [throughout plain_here andb] in Ps.
      apply (GS Next (FRepeat n body :: FSeq l :: fs)); auto.
      intros v0 r Q. apply resume_repeat. auto.
  - destruct n as [|n]; [|destruct o]; try (apply (GS _ fs) in E; auto; fail).
    + destruct o; try (apply (GS _ fs) in E; auto; fail).
      apply (GS Next fs); auto. intros v0 r Q. apply resume_enough. auto.
    + apply (GS Next (FSeq l :: FRepeat n l :: fs)); auto. intros v0 r Q. apply resume_again. auto.
  - destruct Pf as (Ph & Pe & Pn). destruct o as [|v|v|e].
    + apply (GS Next (FSeq els :: FGuard fin :: fs)); auto. intros v0 r Q. apply resume_else. auto.
    + apply (GS (Value v) (FGuard fin :: fs)); auto. intros v0 r Q. apply resume_leave; auto.
    + apply (GS (Leave v) (FGuard fin :: fs)); auto. intros v0 r Q. apply resume_leave; auto.
    + destruct (catching (e_kind e) hs) as [b|] eqn:C; rewrite ?C in E.
      * apply (GSAY (Excepted e) Next (FSeq b :: FHandler e :: FGuard fin :: fs));
          [discriminate| |exact FN| |exact E].
        -- constructor; [|constructor; auto]. eapply plain_caught; [|exact C]. split; eauto.
        -- intros v0 r Q. eapply resume_caught; eauto.
      * apply (GS (Threw e) (FGuard fin :: fs)); auto. intros v0 r Q. apply resume_missed; auto.
  - apply (GS o fs); auto.
  - destruct fin as [|st fin].
    + apply (GS o fs); auto. intros v0 r Q. apply resume_no_finally. auto.
    + apply (GSAY Finally Next (FSeq (st :: fin) :: FFinally o :: fs));
        [discriminate|auto|exact FN| |exact E]. intros v0 r Q. apply resume_finally. auto.
  - destruct o; try (apply (GS _ fs) in E; auto; fail).
  - destruct o; try (apply (GS _ fs) in E; auto; fail).
    apply (GSAY (Entered c) Next (FSeq (body_of c p) :: FCall c :: fs));
      [discriminate| |exact FN| |exact E].
    + constructor; [apply plain_body|constructor; auto].
    + intros v0 r Q. apply resume_enter. auto.
  - destruct o as [|v|v|e].
    + apply (GSAY (Returned c VNone) (Value VNone) fs); [discriminate|auto|auto| |exact E].
      intros v0 r Q. exists v0. auto.
    + apply (GSAY (Returned c v) (Value v) fs); [discriminate|auto|auto| |exact E].
      intros v0 r Q. exists v0. auto.
    + apply (GSAY (Returned c v) (Value v) fs); [discriminate|auto|auto| |exact E].
      intros v0 r Q. exists v0. auto.
    + apply (GSAY (Raised c e) (Threw e) fs); [discriminate|auto|auto| |exact E].
      intros v0 r Q. exists v0. auto.
  - destruct o as [|v|v|e].
    + apply (GSAY (Ok k VNone) Next fs); [discriminate|auto|auto| |exact E].
      intros v0 r Q. exists v0. auto.
    + apply (GSAY (Ok k v) Next fs); [discriminate|auto|auto| |exact E].
      intros v0 r Q. exists v0. auto.
    + apply (GSAY (Ok k VNone) Next fs); [discriminate|auto|auto| |exact E].
      intros v0 r Q. exists v0. auto.
    + apply (GSAY (Err k e) (Threw e) fs); [discriminate|auto|auto| |exact E].
      intros v0 r Q. exists v0. auto.
  - destruct o; try (apply (GS _ fs) in E; auto; fail).
    destruct (begin_sleep d v w) as [w1 wt] eqn:B.
    assert (R1 : refused (core_of w1) = false).
    { eapply unrefused; [|exact R]. pose proof (in_poll_wait t wt None w1) as J.
      destruct (poll_wait t wt None w1) as [w2 [r n]]. destruct r as [r|].
      - eapply inside_trans; [exact J|]. pose proof (in_frames p fuel (Some t) (throwing r) fs w2)
        as J2.
        rewrite E in J2. exact J2.
      - injection E as <- _. exact J. }
    destruct (begin_sleep_ok may due d v w w1 wt I B R1) as (may1 & A1 & I1 & G1 & X).
    apply (WF may1 w1 wt fs); auto. intros q v0 r Q. apply X in Q. subst q. auto.
Qed.
(** ** One handle *)

Variable fuel : nat.

Lemma runs_pending may due t w : inv may due w -> is_running t (machine_of (core_of w)) = true ->
  exists x, find t (tasks (kernel_of w)) = Some x /\ is_done (t_future x) (kernel_of w) = false.
Proof.
  intros I RN. destruct (i_good _ _ _ _ _ _ _ _ _ I) as (b & GM). unfold is_running in RN.
  destruct (running (machine_of (core_of w))) as [u|] eqn:U; [|discriminate].
  apply Nat.eqb_eq in RN. subst u. pose proof (g_alive _ _ GM) as AL.
  destruct (r_lives _ _ (a_runner _ AL) t U) as (x & F & L). exists x. split; auto.
  destruct (w_future _ _ (a_waits _ AL) t x F) as (y & FY & _ & P & _). specialize (P L).
  unfold is_done, state_of, find_future. unfold kernel_of. rewrite FY, P. auto.
Qed.

Lemma end_step_runs o w : refused (core_of (fst (ask o w))) = false ->
  match o with OEndStep t _ => is_running t (machine_of (core_of w)) = true | _ => True end.
Proof.
  destruct o; auto. unfold ask. cbn [apply]. unfold when. destruct (is_running t _); auto.
Qed.

(** What main may still say and give is what the program means, after what it has said. *)
Definition tells (may : future_id -> result -> Prop) (before : list said) (b : body) : Prop :=
  match b with
  | Fresh fs => forall u r, resume p fs Next u r -> means p (before ++ u) r
  | Waiting wt _ fs => forall q u r, expected may wt q -> resume p fs (throwing q) u r ->
      means p (before ++ u) r
  end.
Definition said_by_main w : list said := main_said (lines (rest_of w)).
Record told may w : Prop := {
  to_mine : mine (rest_of w);
  to_body : forall b, find main_task (bodies (rest_of w)) = Some b -> tells may (said_by_main w) b;
  to_end : forall r, settled_of (target (rest_of w)) w = SDone r -> means p (said_by_main w) r }.
Definition main_pending w : Prop := settled_of (target (rest_of w)) w = SPending.

Lemma pending_hush u w w' : hush u w w' -> main_pending w -> main_pending w'.
Proof. intros H P. unfold main_pending. rewrite (hu_target _ _ _ H), (hu_main _ _ _ H). exact P.
Qed.
Lemma told_later may due may' w w' : inv may due w -> later may w may' w' -> hush [] w w' ->
  told may w -> told may' w'.
Proof.
  intros I A H [T1 T2 T3]. assert (S : said_by_main w' = said_by_main w).
  { unfold said_by_main. rewrite (hu_said _ _ _ H), app_nil_r. auto. }
  constructor.
  - apply (hu_mine _ _ _ H T1).
  - intros b F. rewrite (hu_body _ _ _ H) in F. specialize (T2 b F). rewrite S.
    destruct (i_body _ _ _ _ _ _ _ _ _ I _ b F) as (x & _ & G).
    destruct b as [wt n fs|fs]; simpl in *; auto. destruct G as (G & _).
    intros q u r X. apply (T2 q). destruct wt; simpl in *; auto.
    rewrite <- (ah_may _ _ _ _ A); auto. eapply known_old; eauto.
  - intros r Q. rewrite S. apply T3. rewrite <- (hu_main _ _ _ H), <- (hu_target _ _ _ H). exact Q.
Qed.
(** While main itself runs it has neither a body nor an end. *)
Lemma told_run t u may due may' w w' : inv may due w -> later may w may' w' ->
  hush (own t u) w w' -> told may w ->
  (t = main_task -> find main_task (bodies (rest_of w)) = None /\ main_pending w) -> told may' w'.
Proof.
  intros I A H T M. unfold own in H. destruct (Nat.eqb_spec t main_task) as [->|N].
  - destruct (M eq_refl) as [B P]. constructor.
    + apply (hu_mine _ _ _ H). apply T.
    + intros b F. rewrite (hu_body _ _ _ H) in F. congruence.
    + intros r Q. apply (pending_hush _ _ _ H) in P. unfold main_pending in P. congruence.
  - eapply told_later; eauto.
Qed.

Lemma other_future may due t x w : inv may due w -> find t (tasks (kernel_of w)) = Some x ->
  t_future x = target (rest_of w) -> t = main_task.
Proof.
  intros I F E. destruct (i_good _ _ _ _ _ _ _ _ _ I) as (b & GM).
  destruct (i_task _ _ _ _ _ _ _ _ _ I) as (z & FZ & TZ).
  destruct (w_future _ _ (a_waits _ (g_alive _ _ GM)) t x F) as (y & FY & OY & _).
  destruct (w_future _ _ (a_waits _ (g_alive _ _ GM)) _ z FZ) as (y' & FY' & OY' & _).
  rewrite TZ, <- E in FY'. rewrite FY in FY'. injection FY' as <-. congruence.
Qed.
Lemma main_runs_pending may due w : inv may due w ->
  is_running main_task (machine_of (core_of w)) = true -> main_pending w.
Proof.
  intros I RN. destruct (runs_pending may due _ w I RN) as (x & F & D).
  destruct (i_task _ _ _ _ _ _ _ _ _ I) as (z & FZ & TZ). unfold kernel_of in F. rewrite F in FZ.
  injection FZ as <-. rewrite TZ in D. unfold main_pending, settled_of. unfold is_done in D.
  destruct (state_of (target (rest_of w)) (kernel_of w)); auto; discriminate.
Qed.

(** The step ends with this result. *)
Lemma ended_ok may due t e r w : inv may due w -> sound r -> told may w ->
  (forall m, e <> ExitEnded (EndCancelled m)) -> e <> ExitPending ->
  (forall x, find t (tasks (kernel_of w)) = Some x -> may (t_future x) r) ->
  (t = main_task -> find main_task (bodies (rest_of w)) = None /\ means p (said_by_main w) r) ->
  refused (core_of (asks (OEndStep t e) (keep (future_of t w) r w))) = false ->
  inv may due (asks (OEndStep t e) (keep (future_of t w) r w)) /\
  later may w may (asks (OEndStep t e) (keep (future_of t w) r w)) /\
  told may (asks (OEndStep t e) (keep (future_of t w) r w)).
Proof.
  intros I S T N1 N2 M MM R. unfold asks in *. pose proof (end_step_runs _ _ R) as RN. simpl in RN.
  destruct (runs_pending may due t w I RN) as (x & F & D).
  assert (FE : future_of t w = t_future x) by (unfold future_of, find_task; rewrite F; auto).
  destruct (ask (OEndStep t e) (keep (future_of t w) r w)) as [w2 a] eqn:A. cbn [fst] in *.
  assert (I1 : inv may due (keep (future_of t w) r w)) by (apply keep_ok; auto; rewrite FE; auto).
  assert (L1 : later may w may (keep (future_of t w) r w)) by (apply later_same; auto).
  destruct (ask_any may due _ _ _ _ I1 A R) as (I2 & L2 & Q).
  { split; auto. intros x' F' _. change (find t (tasks (kernel_of w)) = Some x') in F'.
    rewrite F in F'. injection F' as <-. rewrite FE, result_kept. auto. }
  split; auto. split; [eapply later_trans; eauto|].
  destruct (Nat.eq_dec t main_task) as [->|NT].
  - destruct (MM eq_refl) as [B MN]. constructor; unfold said_by_main; rewrite Q.
    + apply T.
    + intros b FB. change (find main_task (bodies (rest_of w)) = Some b) in FB. congruence.
    + intros q QE. change (means p (said_by_main w) q).
      assert (RE : result_of (target (rest_of w)) w2 = r).
      { unfold result_of. rewrite Q. destruct (i_task _ _ _ _ _ _ _ _ _ I) as (z & FZ & TZ).
        unfold kernel_of in F. rewrite F in FZ. injection FZ as <-. rewrite <- TZ, <- FE.
        exact (result_kept (future_of main_task w) r w). }
      change (settled_of (target (rest_of w)) w2 = SDone q) in QE. unfold settled_of in QE.
      rewrite RE in QE. destruct (state_of _ _); try discriminate; injection QE as <-; exact MN.
  - assert (NF : future_of t w <> target (rest_of w)).
    { rewrite FE. intro E. apply NT. exact (other_future may due t x w I F E). }
    destruct (ask_ok may due _ _ _ _ I1 A R) as (_ & _ & G & _).
    { split; auto. intros x' F' _. change (find t (tasks (kernel_of w)) = Some x') in F'.
      rewrite F in F'. injection F' as <-. rewrite FE, result_kept. split; auto.
      rewrite <- FE. exact NF. }
    eapply told_later; [exact I|eapply later_trans; [exact L1|exact L2]| |exact T].
    apply (hush_trans [] [] w (keep (future_of t w) r w)); [|apply G].
    apply hush_same; auto. change (match find (target (rest_of w)) (put (future_of t w) r
      (results (rest_of w))) with Some q => q | None =>
        Good VNone end = result_of (target (rest_of w)) w).
    rewrite find_put. destruct (Nat.eqb_spec (target (rest_of w)) (future_of t w));
      [congruence|reflexivity].
Qed.

Lemma end_of_step_ok may due t fs o w w1 s : inv may due w -> told may w ->
  paused t may due w fs o w1 s ->
  (exists x, find t (tasks (kernel_of w)) = Some x /\ forall u r, resume p fs o u r ->
    may (t_future x) r) ->
  (t = main_task -> find main_task (bodies (rest_of w)) = None /\ main_pending w /\
    forall u r, resume p fs o u r -> means p (said_by_main w ++ u) r) ->
  refused (core_of (end_of_step t (w1, s))) = false ->
  exists may', later may w may' (end_of_step t (w1, s)) /\ inv may' due (end_of_step t (w1, s)) /\
    told may' (end_of_step t (w1, s)).
Proof.
  intros I T (may' & u & A & I1 & HU & S) (x & F & H) M R.
  destruct (ah_tasks _ _ _ _ A t x F) as (x' & F' & TX).
  assert (MX : may' (t_future x) = may (t_future x)).
  { apply (ah_may _ _ _ _ A). destruct (i_good _ _ _ _ _ _ _ _ _ I) as (b & GM).
    destruct (w_future _ _ (a_waits _ (g_alive _ _ GM)) t x F) as (y & FY & _).
    eapply known_old; eauto. exists y. exact FY. }
  assert (T1 : told may' w1).
  { apply (told_run t u may due may' w w1 I A HU T). intro E. destruct (M E) as (M1 & M2 & _). auto.
    }
  assert (B1 : t = main_task -> find main_task (bodies (rest_of w1)) = None).
  { intro E. rewrite (hu_body _ _ _ HU). apply (M E). }
  assert (S1 : t = main_task -> said_by_main w1 = said_by_main w ++ u).
  { intros ->. unfold said_by_main. rewrite (hu_said _ _ _ HU). auto. }
  exists may'. unfold end_of_step in *. destruct s as [wt n fs'|r].
  - destruct S as (SW & SP & SR). unfold asks in *.
    destruct (ask (OEndStep t ExitPending) (seat t (Waiting wt n fs') w1)) as [w2 a] eqn:E.
    cbn [fst] in *.
    assert (I2 : inv may' due (seat t (Waiting wt n fs') w1)).
    { apply seat_ok; auto. exists x'. split; auto. rewrite TX. simpl. split; auto. split; auto.
      intros q v r X Q. rewrite MX. eapply H. eapply SR; eauto. }
    assert (T2 : told may' (seat t (Waiting wt n fs') w1)).
    { constructor; [apply T1| |exact (to_end _ _ T1)]. intros b FB.
      change (find main_task (put t (Waiting wt n fs') (bodies (rest_of w1))) = Some b) in FB.
      rewrite find_put in FB. destruct (Nat.eqb_spec main_task t) as [<-|NE];
        [|exact (to_body _ _ T1 b FB)].
      injection FB as <-. simpl. intros q v r X Q. change (means p (said_by_main w1 ++ v) r).
      rewrite S1, <- app_assoc; auto. apply (M eq_refl). eapply SR; eauto. }
    destruct (ask_ok may' due _ _ _ _ I2 E R) as (I3 & _ & G & _).
    { split; [discriminate|]. intros ? _ NP. contradiction. }
    destruct (grew_ahead _ _ _ G) as [A2 H2].
    split; [|split; [exact I3|exact (told_later _ _ _ _ _ I2 A2 H2 T2)]].
    eapply later_trans; [exact A|]. eapply later_trans; [|exact A2]. apply later_same. auto.
  - destruct S as (SO & SR).
    assert (M2 : forall z, find t (tasks (kernel_of w1)) = Some z -> may' (t_future z) r).
    { intros z Z. rewrite F' in Z. injection Z as <-. rewrite TX, MX. eauto. }
    assert (M3 : t = main_task -> find main_task (bodies (rest_of w1)) = None /\
      means p (said_by_main w1) r).
    { intro E. split; auto. rewrite S1; auto. apply (M E). auto. }
    destruct r as [v|[[|k] m]]; [| |].
    + destruct (ended_ok may' due t (ExitEnded EndFinished) (Good v) w1 I1) as (I2 & A2 & T2); auto;
      try discriminate.
      split; [eapply later_trans; eauto|auto].
    + simpl in SO. contradiction.
    + destruct (ended_ok may' due t (ExitEnded EndFailed) (Bad (Exn (S k) m)) w1 I1)
        as (I2 & A2 & T2); auto; try discriminate.
      split; [eapply later_trans; eauto|auto].
Qed.

Lemma poll_task_ok may due t w : inv may due w -> told may w -> active (rest_of w) = Some t ->
  (t = main_task -> main_pending w) ->
  refused (core_of (poll_task p fuel t w)) = false ->
  exists may', later may w may' (poll_task p fuel t w) /\ inv may' due (poll_task p fuel t w) /\
    told may' (poll_task p fuel t w).
Proof.
  intros I T AC PD R. unfold poll_task in *.
  assert (NOP : forall w1, inv may due w1 -> ahead may w may w1 ->
    refused (core_of (asks (OEndStep t ExitPending) w1)) = false ->
    exists may', later may w may' (asks (OEndStep t ExitPending) w1) /\
      inv may' due (asks (OEndStep t ExitPending) w1) /\
      told may' (asks (OEndStep t ExitPending) w1)).
  { intros w1 I1 A1 R1. unfold asks in *.
    destruct (ask (OEndStep t ExitPending) w1) as [w2 a] eqn:E.
    destruct (ask_ok may due _ _ _ _ I1 E R1) as (I2 & _ & G & _).
    { split; [discriminate|]. intros ? _ NP. contradiction. }
    assert (A2 : ahead may w may w2) by (eapply ahead_trans; [exact A1|apply grew_ahead; exact G]).
    destruct A2 as [A2 H2]. exists may. split; auto. split; auto.
    exact (told_later may due may w w2 I A2 H2 T). }
  assert (GO : forall w1 o fs, inv may due w1 -> ahead may w may w1 -> Forall plain_frame fs ->
    good_flow o -> (exists x, find t (tasks (kernel_of w1)) = Some x /\
      forall u r, resume p fs o u r -> may (t_future x) r) ->
    (t = main_task -> forall u r, resume p fs o u r -> means p (said_by_main w ++ u) r) ->
    refused (core_of (end_of_step t (run_frames p fuel (Some t) o fs (unseat t w1)))) = false ->
    let w2 := end_of_step t (run_frames p fuel (Some t) o fs (unseat t w1)) in
    exists may', later may w may' w2 /\ inv may' due w2 /\ told may' w2).
  { intros w1 o fs I1 [A1 H1] P F H MM R1. cbv zeta.
    destruct (run_frames p fuel (Some t) o fs (unseat t w1)) as [w2 s] eqn:E.
    assert (R2 : refused (core_of w2) = false).
    { eapply unrefused; [|exact R1]. apply in_end_of_step. apply inside_refl. }
    pose proof (unseat_ok may due t w1 I1) as I0.
    pose proof (told_later _ _ _ _ _ I A1 H1 T) as T1.
    assert (B0 : forall c, find main_task (bodies (rest_of (unseat t w1))) = Some c ->
      find main_task (bodies (rest_of w1)) = Some c /\ t <> main_task).
    { intros c FB. simpl in FB. rewrite find_remove in FB. destruct (Nat.eqb_spec t main_task);
        [discriminate|auto]. }
    assert (T0 : told may (unseat t w1)).
    { constructor; [apply T1| |exact (to_end _ _ T1)]. intros b FB. apply B0 in FB as [FB _].
      exact (to_body _ _ T1 b FB). }
    assert (AC0 : active (rest_of (unseat t w1)) = Some t).
    { change (active (rest_of w1) = Some t). rewrite (hu_active _ _ _ H1). auto. }
    pose proof (frames_ok fuel t o fs may due (unseat t w1) w2 s I0 P F AC0 (to_mine _ _ T0) E R2)
      as PA.
    destruct (end_of_step_ok may due t fs o (unseat t w1) w2 s I0 T0 PA H) as (may' & A2 & I2 & T2);
      auto.
    { intro TE. split; [|split].
      - destruct (find main_task (bodies (rest_of (unseat t w1)))) as [c|] eqn:FB; auto.
        destruct (B0 c eq_refl). contradiction.
      - exact (pending_hush _ _ _ H1 (PD TE)).
      - intros u r Q. change (means p (said_by_main w1 ++ u) r). unfold said_by_main.
        rewrite (hu_said _ _ _ H1), app_nil_r. apply MM; auto. }
    exists may'. split; auto. eapply later_trans; [exact A1|]. eapply later_trans; [|exact A2].
    apply later_same; auto. }
  destruct (find t (bodies (rest_of w))) as [[wt n fs|fs]|] eqn:B.
  - destruct (i_body _ _ _ _ _ _ _ _ _ I t _ B) as (x & F & G1 & G2 & G3).
    destruct (poll_wait t wt (Some n) w) as [w1 [r m]] eqn:PW.
    assert (R1 : refused (core_of w1) = false).
    { eapply unrefused; [|exact R]. destruct r as [r|]; [|apply in_asks; exact Logic.I].
      apply in_end_of_step. eapply inside_trans; [|apply in_frames].
      apply inside_same; auto. apply adds_none. auto. }
    destruct (poll_wait_ok may due t wt (Some n) w w1 r m I G1 PW R1) as (I1 & A1 & _ & _ & X).
    destruct r as [r|]; [|apply NOP; auto]. destruct X as [X1 X2].
    apply (GO w1 (throwing r) fs); auto; [destruct r; exact X2| |].
    + destruct (ah_tasks _ _ _ _ (proj1 A1) t x F) as (x' & F' & TX). exists x'. split; auto.
      intros u q Q. rewrite TX. eapply G3; eauto.
    + intros -> u q Q. exact (to_body _ _ T _ B r u q X1 Q).
  - destruct (i_body _ _ _ _ _ _ _ _ _ I t _ B) as (x & F & G1 & G2).
    apply (GO w Next fs); auto; [apply ahead_refl|exact Logic.I| |].
    + exists x. auto.
    + intros -> u q Q. exact (to_body _ _ T _ B u q Q).
  - apply NOP; auto. apply ahead_refl.
Qed.

Lemma run_step_ok may due t w : inv may due w -> told may w ->
  refused (core_of (run_step p fuel t w)) = false ->
  exists may', later may w may' (run_step p fuel t w) /\ inv may' due (run_step p fuel t w) /\
    told may' (run_step p fuel t w).
Proof.
  intros I T R. unfold run_step in *. destruct (ask (OBeginStep t) w) as [w1 a] eqn:A.
  assert (R1 : refused (core_of w1) = false).
  { destruct a as [| | | | |e| | | | | | | |]; auto. destruct e; auto.
    - eapply unrefused; [|exact R].
      eapply inside_trans; [|apply inside_same; auto; try reflexivity; apply adds_none;
        reflexivity].
      eapply inside_trans; [|apply in_poll_task]. apply inside_same; auto. apply adds_none. auto.
    - eapply unrefused; [|exact R]. eapply inside_trans; [|apply in_asks; exact Logic.I].
      apply inside_same; auto. apply adds_none. auto. }
  destruct (ask_ok may due _ _ _ _ I A R1 Logic.I) as (I1 & _ & G & O).
  destruct (grew_ahead _ _ _ G) as [A1 H1]. pose proof (told_later _ _ _ _ _ I A1 H1 T) as T1.
  cbn [apply] in O. unfold when in O. destruct (is_taken (Step t) (machine_of (core_of w)));
    [|discriminate].
  destruct (grows_begin_step (fun _ => True) (fun _ => True) (fun _ => True) (fun _ => True) True
    t _ (i_calm _ _ _ _ _ _ _ _ _ I)) as [_ ND].
  destruct (begin_step t (kern (machine_of (core_of w)))) as [k e]. injection O as O <-.
  cbn [snd] in ND.
  destruct e as [|m|].
  - destruct (poll_task_ok may due t (act_as (Some t) w1)) as (may' & A2 & I3 & T3); auto.
    + destruct T1 as [X1 X2 X3]. constructor; auto.
    + intros ->. apply (main_runs_pending may due w1 I1). rewrite <- O. reflexivity.
    + exists may'. split; [|split; [exact I3|destruct T3; constructor; auto]].
      eapply later_trans; [exact A1|].
      eapply later_trans; [|eapply later_trans; [exact A2|]]; apply later_same; auto.
  - exfalso. apply (ND m). auto.
  - exists may. auto.
Qed.

(** ** Callbacks run *)

Lemma end_job_ok may due c w : inv may due w ->
  inv may (match find c (jobs (rest_of w)) with Some j => report (c, j) | None => [] end ++ due)
    (end_job c w).
Proof.
  intro I. destruct I. unfold inv. simpl.
  assert (SUB : forall e, In e (Map.remove c (jobs (rest_of w))) -> In e (jobs (rest_of w))).
  { clear. induction (jobs (rest_of w)) as [|[d j] l IH]; simpl; intros e; auto.
    destruct (c =? d); simpl; intuition auto. }
  assert (RP : Permutation (reports (jobs (rest_of w)) due) (reports (Map.remove c (jobs (rest_of
    w)))
    (match find c (jobs (rest_of w)) with Some j => report (c, j) | None => [] end ++ due))).
  { clear - i_once. unfold reports. induction (jobs (rest_of w)) as [|[d j] l IH]; simpl in *; auto.
    inversion i_once as [|? ? N ND]; subst. destruct (Nat.eqb_spec c d) as [->|NE].
    - assert (E : Map.remove d l = l).
      { clear - N. induction l as [|[e i] l IH]; simpl in *; auto.
        destruct (Nat.eqb_spec d e) as [->|]; [destruct N; auto|]. rewrite IH; auto. }
      rewrite E. unfold report at 1 3. simpl. rewrite <- app_assoc. rewrite !app_assoc.
      apply Permutation_app_tail. apply Permutation_app_comm.
    - simpl. rewrite <- !app_assoc. apply Permutation_app_head. apply IH. auto. }
  assert (U : forall d k, unwatched d (jobs (rest_of w)) k ->
    unwatched d (Map.remove c (jobs (rest_of w))) k).
  { intros d k [L U]. split; auto. }
  constructor; auto.
  - intros t b F. destruct (i_body t b F) as (x & F' & B). exists x. split; auto.
    destruct b as [wt n fs|fs]; simpl in *; auto. destruct B as (B1 & B2 & B3). split; auto.
    destruct wt; simpl in *; auto. destruct B1. split; auto.
  - clear - i_once. induction (jobs (rest_of w)) as [|[d j] l IH]; simpl in *; auto.
    inversion i_once; subst. destruct (c =? d); simpl; auto. constructor; auto. intro J. apply H1.
    clear - J. induction l as [|[e i] l IH]; simpl in *; auto.
    destruct (c =? e); simpl in *; intuition auto.
  - intros d j J. destruct (i_job d j (SUB _ J)) as [L Q]. split; auto. destruct j; auto.
  - intros d j f J W. apply (i_watch d j f (SUB _ J) W).
  - intros g f J. apply in_app_or in J as [J|J]; eauto.
    destruct (find c (jobs (rest_of w))) as [j|] eqn:F; [|destruct J].
    assert (J' : In (c, j) (jobs (rest_of w))).
    { clear - F. induction (jobs (rest_of w)) as [|[d i] l IH]; simpl in *; [discriminate|].
      destruct (Nat.eqb_spec c d) as [->|]; auto. injection F as ->. auto. }
    unfold report in J. simpl in J. destruct j; simpl in J; try easy. destruct J as [J|[]].
    injection J as <- <-. apply (i_job c _ J').
  - intros g x F. rewrite <- (count_perm _ _ _ RP). auto.
  - intros g x f F J. destruct (i_child g x f F J) as [K H]. split; auto. destruct H as [H|H]; auto.
    left. apply (Permutation_in _ RP). auto.
  - intros d f g J. apply (i_outers d f g). auto.
Qed.

Lemma find_in {A} c (j : A) l : find c l = Some j -> In (c, j) l.
Proof.
  induction l as [|[d i] l IH]; simpl in *; [discriminate|].
  destruct (Nat.eqb_spec c d) as [->|]; auto. injection 1 as ->. auto.
Qed.

Lemma run_call_ok may c w : inv may [] w -> refused (core_of (run_call p fuel c w)) = false ->
  inv may [] (run_call p fuel c w) /\ ahead may w may (run_call p fuel c w).
Proof.
  intros I R. unfold run_call in *. destruct (ask (OBeginCall c) w) as [w1 a] eqn:A. cbv zeta in *.
  assert (R1 : refused (core_of w1) = false).
  { assert (IN : forall j, inside w1 (run_job p fuel j (end_job c w1))).
    { intro j. eapply inside_trans; [|apply in_run_job]. apply inside_same; auto.
      apply adds_none. auto. }
    destruct a as [| | | | | | | | | | | | |[[|f]|]]; try exact R.
    destruct (find c (jobs (rest_of w1))) as [j|]; [|exact R]. exact (unrefused _ _ (IN j) R). }
  destruct (ask_ok may [] _ _ _ _ I A R1) as (I1 & Q & G & O).
  { intros x f y F E _. split; [exact (i_resolve _ _ _ _ _ _ _ _ _ I c x f F E _)|].
    exact (i_timers _ _ _ _ _ _ _ _ _ I c x f F E). }
  pose proof (grew_ahead _ _ _ G) as A1.
  cbn [apply] in O. unfold when in O. destruct (is_taken (Call c) (machine_of (core_of w))) eqn:T;
    [|discriminate].
  rewrite Q in *. pose proof (end_job_ok may [] c w1 I1) as I2. rewrite Q in I2.
  assert (A2 : ahead may w may (end_job c w1)) by (eapply ahead_trans; [exact A1|apply ahead_same;
    auto]).
  destruct (find c (jobs (rest_of w))) as [j|] eqn:F.
  2: { rewrite app_nil_r in I2. destruct a as [| | | | | | | | | | | | |[[|f]|]]; auto. }
  apply find_in in F. rewrite app_nil_r in I2.
  destruct (i_job _ _ _ _ _ _ _ _ _ I c j F) as [_ J].
  (* The call of a done callback was not in the list of its future. *)
  assert (W : forall f, watched (target (rest_of w)) j = Some f ->
    a = AAction (Some Closure) /\ is_done f (kernel_of w) = true).
  { intros f W. destruct (i_watch _ _ _ _ _ _ _ _ _ I c j f F W) as [D P].
    destruct (i_good _ _ _ _ _ _ _ _ _ I) as (b & GM). pose proof (g_handles _ _ GM) as GH.
    assert (TK : In (Call c) (of_option (taken (machine_of (core_of w))) ++ ready (kern (machine_of
      (core_of w))))).
    { unfold is_taken in T. destruct (taken (machine_of (core_of w))) as [[t|d]|]; simpl in T;
      try discriminate.
      apply Nat.eqb_eq in T. subst d. left. auto. }
    destruct (h_call _ _ _ GH c TK) as (x & FX & PX). destruct (P x FX) as [P1 P2]. split.
    - unfold begin_call in O. rewrite FX, P1 in O. destruct (c_place x); try contradiction;
        injection O as _ <-; auto.
    - destruct D as [D|(y & FY & D)]; auto. exfalso. apply calls_of_In in D.
      destruct (h_on_done _ _ _ GH f y c FY D) as (x' & FX' & PX'). rewrite FX in FX'.
      injection FX' as <-. rewrite <- PX' in PX. destruct PX; discriminate. }
  assert (SKIP : report (c, j) = [] -> inv may [] (end_job c w1) /\ ahead may w may (end_job c w1)).
  { intro E. rewrite E in I2. auto. }
  destruct j as [|cb b|cb h f b|g f|f o|f d]; try contradiction.
  - destruct (W _ eq_refl) as [-> D]. cbn [run_job] in R |- *. unfold asks in *.
    destruct (ask (OSetStopping true) (end_job c w1)) as [w3 a3] eqn:A3. cbn [fst] in *.
    destruct (ask_ok may [] _ _ _ _ I2 A3 R) as (I3 & _ & G3 & _).
    { intros _. simpl. rewrite Q. apply (ah_done _ _ _ _ (proj1 A2)); auto.
      apply (i_main _ _ _ _ _ _ _ _ _ I). }
    split; auto. eapply ahead_trans; [exact A2|apply grew_ahead; exact G3].
  - destruct (W _ eq_refl) as [-> D]. cbn [run_job] in R |- *.
    destruct J as (x & X & X2). pose proof (proj1 (i_child _ _ _ _ _ _ _ _ _ I g x f X X2)) as K.
    destruct (child_done_ok may [] g f (end_job c w1)) as (I3 & A3); auto.
    { apply (ah_done _ _ _ _ (proj1 A2)); auto. }
    split; auto. eapply ahead_trans; eauto.
  - pose proof (i_outers _ _ _ _ _ _ _ _ _ I c f o F) as NO. rewrite <- Q in NO.
    destruct J as (J1 & J2 & J3). destruct a as [| | | | | | | | | | | | |[[|h]|]]; try (apply SKIP;
    auto; fail).
    cbn [run_job] in R |- *. assert (I3 : inv may [] (end_job c w1)) by exact I2.
    assert (K : known f (kernel_of (end_job c w1))) by (apply (ah_known _ _ _ _ (proj1 A2)); auto).
    assert (KO : known o (kernel_of (end_job c w1))) by (apply (ah_known _ _ _ _ (proj1 A2)); auto).
    pose proof (not_cancelled may [] f _ I3 K) as NC.
    destruct (is_done o (kernel_of (end_job c w1))) eqn:DO; [apply SKIP; auto|].
    destruct (is_done f (kernel_of (end_job c w1))) eqn:DF.
    + destruct (settled_known may [] f _ I3 K DF) as [S M]. rewrite S in *.
      destruct (settle_as_ok may [] o (result_of f (end_job c w1)) (end_job c w1) I3) as (I4 & A4 &
        _); auto.
      { eapply result_sound; eauto. }
      split; auto. eapply ahead_trans; eauto.
    + assert (S : settled_of f (end_job c w1) = SPending).
      { unfold is_done in DF. unfold settled_of. destruct (state_of f (kernel_of (end_job c w1)));
        auto; discriminate. }
      rewrite S in *. apply SKIP. auto.
  - destruct a as [| | | | | | | | | | | | |[[|h]|]]; try (apply SKIP; auto; fail).
    cbn [run_job] in R |- *. unfold asks in *.
    destruct (ask (ORemoveOnDone f d) (end_job c w1)) as [w3 a3] eqn:A3. cbn [fst] in *.
    destruct (ask_ok may [] _ _ _ _ I2 A3 R) as (I3 & _ & G3 & _).
    { simpl. split.
      - change (kernel_of (end_job c w1)) with (kernel_of w1).
        pose proof (gr_next_call _ _ _ _ _ _ _ (proj1 G)) as LE. destruct J as [L _].
        unfold kernel_of in *. lia.
      - intros i X. destruct J as [_ J]. apply J. simpl in X. rewrite Q in X.
        clear - X. induction (jobs (rest_of w)) as [|[e i'] l IH]; simpl in *; auto.
        destruct (c =? e); simpl in *; intuition auto. }
    split; auto. eapply ahead_trans; [exact A2|apply grew_ahead; exact G3].
Qed.

Lemma run_handle_ok may h w : inv may [] w -> told may w ->
  refused (core_of (run_handle p fuel h w)) = false ->
  exists may', later may w may' (run_handle p fuel h w) /\ inv may' [] (run_handle p fuel h w) /\
    told may' (run_handle p fuel h w).
Proof.
  intros I T R. destruct h as [t|c]; simpl in *; [apply run_step_ok; auto|].
  destruct (run_call_ok may c w I R) as (I1 & A & H). exists may. split; auto. split; auto.
  exact (told_later _ _ _ _ _ I A H T).
Qed.

(** ** The loop *)

(** Main runs. *)
Definition going w : Prop := at_phase (rest_of w) = InMain /\ ends w = [] /\
  exists may, inv may [] w /\ told may w /\ may (target (rest_of w)) = fun r => exists t,
    means p t r.
(** Main has ended. *)
Definition gone w : Prop := at_phase (rest_of w) <> InMain /\
  forall ls r, ended_after ls r w -> means p (main_said ls) r.

(** More lines, of which none is the end of main. *)
Definition after w w' : Prop := exists new, lines (rest_of w') = new ++ lines (rest_of w) /\
  forall l r, In l new -> l_said l <> end_line r.
Lemma after_same w w' : lines (rest_of w') = lines (rest_of w) -> after w w'.
Proof. intro E. exists []. split; [exact E|]. intros l r []. Qed.
Lemma after_trans a b c : after a b -> after b c -> after a c.
Proof.
  intros (x & E & X) (y & F & Y). exists (y ++ x). rewrite <- app_assoc, <- E. split; auto.
  intros l r J. apply in_app_or in J as [J|J]; auto.
Qed.
Lemma after_inside w w' : inside w w' -> after w w'.
Proof.
  intros (_ & _ & _ & _ & new & E & F). exists new. split; auto. intros l r J Q.
  assert (X : In (l_said l) (filter is_end (map l_said new))).
  { apply filter_In. split; [apply in_map; auto|]. rewrite Q. destruct r; auto. }
  rewrite F in X. destruct X.
Qed.
Lemma after_ask o w : after w (fst (ask o w)).
Proof. apply after_same. rewrite rest_of_ask. auto. Qed.
Lemma after_ended w w' ls r : after w w' -> ended_after ls r w' -> ended_after ls r w.
Proof.
  intros (new & E & N) (a & l & F & Q). rewrite E in F. clear E. revert a F.
  induction new as [|x new IH]; simpl; intros a F; [exists a, l; auto|].
  destruct a as [|y a]; simpl in F; injection F as -> F.
  - destruct (N l r); [left; auto|exact Q].
  - apply (IH (fun l r J => N l r (or_intror J)) a F).
Qed.
Lemma gone_after w w' : gone w -> after w w' -> at_phase (rest_of w') <> InMain -> gone w'.
Proof.
  intros [_ H] A P. split; auto. intros ls r E. apply H. eapply after_ended; eauto.
Qed.

Lemma until_done_end f ph w :
  after w (until_done f ph w) /\ at_phase (rest_of (until_done f ph w)) = ph.
Proof.
  unfold until_done. pose proof (after_inside _ _ (in_when_done f Stop w)) as A.
  destruct (when_done f Stop w) as [w1 c]. split; auto.
Qed.
Lemma shut_down_end more w : after w (shut_down more w) /\
  at_phase (rest_of (shut_down more w)) = InShutdown more.
Proof.
  unfold shut_down. pose proof (after_inside _ _ (in_start_task None [] w)) as A.
  destruct (start_task None [] w) as [w1 f]. destruct (until_done_end f (InShutdown more) w1).
  split; auto. eapply after_trans; eauto.
Qed.
Lemma clean_up_end w : after w (clean_up w) /\ at_phase (rest_of (clean_up w)) <> InMain.
Proof.
  unfold clean_up. destruct (live_tasks (kernel_of w)) as [|t ts].
  { destruct (shut_down_end 1 w) as [E P]. rewrite P. split; [auto|discriminate]. }
  set (w1 := fold_left _ (t :: ts) w).
  assert (E1 : after w w1).
  { apply after_inside. apply inside_fold. intros. apply in_asks. exact Logic.I. }
  match goal with |- context[start_gathering ?l true w1] =>
    pose proof (after_inside _ _ (in_start_gathering l true w1)) as E2;
    destruct (start_gathering l true w1) as [w2 g] end.
  destruct (until_done_end g (InLeft (t :: ts)) w2) as [E3 P]. rewrite P. cbn [fst] in E2.
  split; [|discriminate]. eapply after_trans; [exact E1|]. eapply after_trans; eauto.
Qed.

Lemma next_phase_gone w : gone w -> gone (next_phase w).
Proof.
  intro G. unfold next_phase. cbv zeta. set (w1 := asks _ w).
  assert (G1 : gone w1).
  { apply (gone_after w); [exact G|apply after_ask|]. unfold w1, asks. rewrite rest_of_ask. apply G.
    }
  clearbody w1. destruct (at_phase (rest_of w1)) as [|ts|[|more]|] eqn:P.
  - destruct G1. contradiction.
  - set (w2 := fold_left report_left ts w1).
    assert (E2 : after w1 w2).
    { apply after_inside. apply inside_fold. intros w0 t. unfold report_left.
      destruct (settled_of _ w0) as [| |[]]; try apply inside_refl. apply in_say. auto. }
    destruct (shut_down_end 1 w2) as [E P2]. apply (gone_after w1); auto.
    + eapply after_trans; eauto.
    + rewrite P2. discriminate.
  - apply (gone_after w1); auto; [apply after_same; auto|discriminate].
  - destruct (shut_down_end more w1) as [E P2]. apply (gone_after w1); auto. rewrite P2.
    discriminate.
  - apply (gone_after w1); auto; [apply after_same; auto|discriminate].
Qed.
Lemma gone_inside w w' : gone w -> inside w w' -> gone w'.
Proof.
  intros G J. apply (gone_after w); auto; [apply after_inside; auto|].
  destruct J as (_ & _ & P & _). rewrite P. apply G.
Qed.
Lemma deadlock_after w : after w (deadlock w).
Proof.
  eexists [_]. split; [reflexivity|]. intros l r [<-|[]]. destruct r; discriminate.
Qed.
Lemma begin_loop_gone w : gone w -> gone (begin_loop w).
Proof.
  intro H. unfold begin_loop. pose proof (inside_ask OBeginIteration w Logic.I) as J.
  destruct (ask OBeginIteration w) as [w1 a]. pose proof (gone_inside _ _ H J) as H1.
  cbn [fst] in H1. destruct a; auto. destruct t; auto.
  apply (gone_after w1); auto; [apply deadlock_after|discriminate].
Qed.
Lemma ask_gone o w : gone w -> gone (fst (ask o w)).
Proof.
  intro H. apply (gone_after w); auto; [apply after_ask|]. rewrite rest_of_ask. apply H.
Qed.
Lemma step_gone i w : gone w -> gone (step_at p fuel i w).
Proof.
  intro H. unfold step_at. destruct (batch (kernel_of w) =? 0); [apply begin_loop_gone; auto|].
  unfold run_nth. pose proof (ask_gone (OTake i) w H) as H1. destruct (ask (OTake i) w) as [w1 a].
  cbn [fst] in H1. destruct a; auto. cbv zeta.
  assert (H2 : gone (run_handle p fuel h w1)).
  { eapply gone_inside; [exact H1|apply in_run_handle]. }
  destruct (_ && _); auto. apply next_phase_gone. apply ask_gone. auto.
Qed.

(** So far main has not ended. *)
Lemma no_end ls r w : ends w = [] -> ~ ended_after ls r w.
Proof.
  intros E (a & l & F & Q). assert (X : In (l_said l) (ends w)); [|rewrite E in X; destruct X].
  unfold ends. apply filter_In. split; [|rewrite Q; destruct r; auto].
  apply in_map. rewrite F. apply in_or_app. right. left. auto.
Qed.
Lemma ask_going may w w' : at_phase (rest_of w) = InMain -> ends w = [] -> told may w ->
  inv may [] w -> inv may [] w' -> ahead may w may w' -> rest_of w' = rest_of w ->
  may (target (rest_of w)) = (fun r => exists t, means p t r) -> going w'.
Proof.
  intros P E T I I' [A H] Q M. split; [congruence|]. split; [unfold ends; rewrite Q; exact E|].
  exists may. split; auto. split; [exact (told_later _ _ _ _ _ I A H T)|congruence].
Qed.

Lemma begin_loop_going w : going w -> refused (core_of (begin_loop w)) = false ->
  going (begin_loop w) \/ gone (begin_loop w).
Proof.
  intros (P & E & may & I & T & M) R. unfold begin_loop in *.
  destruct (ask OBeginIteration w) as [w1 a] eqn:A.
  assert (R1 : refused (core_of w1) = false) by (destruct a; auto; destruct t; auto).
  destruct (ask_ok may [] _ _ _ _ I A R1 Logic.I) as (I1 & Q & G & _).
  assert (G1 : going w1) by (eapply ask_going; eauto; apply grew_ahead; auto).
  destruct a; auto. destruct t; auto. right. split; [discriminate|].
  intros ls r X. exfalso. apply (after_ended _ _ _ _ (deadlock_after w1)) in X.
  destruct G1 as (_ & E1 & _). eapply no_end; eauto.
Qed.

Lemma next_phase_going w : going w -> is_done (target (rest_of w)) (kernel_of w) = true ->
  refused (core_of (next_phase w)) = false -> gone (next_phase w).
Proof.
  intros (P & E & may & I & T & M) D R. unfold next_phase in *. cbv zeta in *. unfold asks in *.
  set (f := target (rest_of w)) in *.
  destruct (ask (ORemoveOnDone f (stop_call (rest_of w))) w) as [w1 a] eqn:A. cbn [fst] in *.
  assert (Q : rest_of w1 = rest_of w).
  { pose proof (rest_of_ask (ORemoveOnDone f (stop_call (rest_of w))) w) as Q. rewrite A in Q.
    exact Q. }
  rewrite Q in *. rewrite P in *.
  assert (KF : known f (kernel_of w)) by apply (i_main _ _ _ _ _ _ _ _ _ I).
  destruct (settled_known may [] f w I KF D) as [S _].
  (* To take the callback back changes no state. *)
  assert (S1 : settled_of f w1 = settled_of f w).
  { unfold settled_of, result_of. rewrite Q.
    assert (ST : state_of f (kernel_of w1) = state_of f (kernel_of w)); [|rewrite ST; auto].
    unfold ask in A. cbn [apply] in A. unfold with_bool, same in A. injection A as <- _.
    unfold kernel_of, state_of, find_future, remove_on_done. simpl.
    destruct (find_future f (kern (machine_of (core_of w)))) as [y|] eqn:F; auto.
    destruct (existsb _ (f_callbacks y)); auto. simpl. rewrite find_update, Nat.eqb_refl.
    unfold find_future in F. rewrite F. auto. }
  pose proof (to_end _ _ T _ S) as MN.
  unfold outcome_now in *. rewrite S1, S in *.
  match goal with |- gone (clean_up ?x) => set (w2 := x) in * end.
  destruct (clean_up_end w2) as [E2 P2].
  split; auto. intros ls r X. apply (after_ended _ _ _ _ E2) in X as (b & l & F & L).
  destruct b as [|x b].
  - injection F as <- F. rewrite Q in F. subst ls. cbn [l_said] in L.
    replace r with (result_of f w); [exact MN|].
    destruct r, (result_of f w); simpl in L; congruence.
  - exfalso. injection F as _ F. rewrite Q in F. apply (no_end ls r w E). exists b, l. auto.
Qed.

Lemma step_going i w : going w -> refused (core_of (step_at p fuel i w)) = false ->
  going (step_at p fuel i w) \/ gone (step_at p fuel i w).
Proof.
  intros G R. unfold step_at in *.
  destruct (batch (kernel_of w) =? 0); [apply begin_loop_going; auto|].
  destruct G as (P & E & may & I & T & M). unfold run_nth in *.
  destruct (ask (OTake i) w) as [w1 a] eqn:A.
  assert (MV : forall h,
    moves no_take w1 (let w := run_handle p fuel h w1 in let k := kernel_of w in
      if (batch k =? 0) && stopping k then next_phase (asks (OSetStopping false) w) else w)).
  { intro h. cbv zeta. destruct (_ && _).
    - eapply moves_trans; [apply within; apply in_run_handle|].
      eapply moves_trans; [|apply in_next_phase]. apply moves_asks. exact Logic.I.
    - apply within. apply in_run_handle. }
  assert (R1 : refused (core_of w1) = false).
  { destruct a; try exact R. destruct (MV h) as (es & _ & _ & _ & RR). cbv zeta in RR, R.
    destruct (refused (core_of w1)); auto. rewrite RR in R; auto. }
  destruct (ask_ok may [] _ _ _ _ I A R1 Logic.I) as (I1 & Q & GR & _).
  assert (G1 : going w1) by (eapply ask_going; eauto; apply grew_ahead; auto).
  destruct a; auto. cbv zeta in *. clear MV.
  assert (R2 : refused (core_of (run_handle p fuel h w1)) = false).
  { destruct (_ && _); auto.
    assert (MV : moves no_take (run_handle p fuel h w1) (next_phase (asks (OSetStopping false)
      (run_handle p fuel h w1)))).
    { eapply moves_trans; [|apply in_next_phase]. apply moves_asks. exact Logic.I. }
    destruct MV as (es & _ & _ & _ & RR).
    destruct (refused (core_of (run_handle p fuel h w1))); auto. rewrite RR in R; auto. }
  destruct (grew_ahead _ _ _ GR) as [A1 H1]. pose proof (told_later _ _ _ _ _ I A1 H1 T) as T1.
  destruct (run_handle_ok may h w1 I1 T1 R2) as (may' & A2 & I2 & TO2).
  destruct (in_run_handle p fuel h w1) as (_ & E2 & P2 & T2 & _).
  assert (M2 : may' (target (rest_of (run_handle p fuel h w1))) = fun r => exists t, means p t r).
  { rewrite T2, Q, <- M. apply (ah_may _ _ _ _ A2). rewrite <- Q. eapply known_old; eauto.
    apply (i_main _ _ _ _ _ _ _ _ _ I1). }
  assert (G2 : going (run_handle p fuel h w1)).
  { destruct G1 as (P1 & E1 & _). split; [congruence|]. split; [congruence|]. exists may'. auto. }
  set (w2 := run_handle p fuel h w1) in *.
  destruct ((batch (kernel_of w2) =? 0) && stopping (kernel_of w2)) eqn:ST; auto.
  apply andb_true_iff in ST as [_ ST]. right. unfold asks in *.
  destruct (ask (OSetStopping false) w2) as [w3 a3] eqn:A3. cbn [fst] in *.
  assert (R3 : refused (core_of w3) = false).
  { destruct (in_next_phase w3) as (es & _ & _ & _ & RR). destruct (refused (core_of w3)); auto.
    rewrite RR in R; auto. }
  destruct (ask_ok may' [] _ _ _ _ I2 A3 R3) as (I3 & Q3 & GR3 & _); [intro; discriminate|].
  apply next_phase_going; auto.
  - destruct G2 as (P2' & E2' & _). eapply ask_going; eauto. apply grew_ahead. auto.
  - rewrite Q3. apply (ah_done _ _ _ _ (proj1 (grew_ahead _ _ _ GR3))).
    + apply (i_main _ _ _ _ _ _ _ _ _ I2).
    + apply (i_stopping _ _ _ _ _ _ _ _ _ I2). exact ST.
Qed.

Lemma run_going : forall steps choices w, going w \/ gone w ->
  refused (core_of (fst (run p fuel steps choices w))) = false ->
  going (fst (run p fuel steps choices w)) \/ gone (fst (run p fuel steps choices w)).
Proof.
  induction steps as [|n IH]; intros cs w H R; auto. cbn [run] in *.
  destruct (step p fuel cs w) as [[[w1 cs1] picked]|] eqn:S; auto.
  pose proof (every_choice_is_legal _ _ _ _ _ _ _ S) as L.
  assert (X : exists i, w1 = step_at p fuel i w).
  { destruct (menu w) as [m|]; [destruct L as (i & _ & _ & _ & L)|destruct L as (_ & _ & L)]; eauto.
    }
  destruct X as (i & ->).
  assert (R1 : refused (core_of (step_at p fuel i w)) = false).
  { assert (MV : moves (fun _ => True) (step_at p fuel i w)
      (fst (run p fuel n cs1 (step_at p fuel i w)))).
    { apply run_moves. intros j w0 _. split; intros; (eapply moves_weaken; [|apply step_at_moves];
      auto). }
    destruct MV as (es & _ & _ & _ & RR).
    destruct (run p fuel n cs1 (step_at p fuel i w)) as [w2 ps].
    cbn [fst] in *. destruct (refused (core_of (step_at p fuel i w))); auto. rewrite RR in R; auto.
    }
  specialize (IH cs1 (step_at p fuel i w)).
  destruct (run p fuel n cs1 (step_at p fuel i w)) as [w2 ps]. cbn [fst] in *. apply IH; auto.
  destruct H as [H|H]; [apply step_going; auto|right; apply step_gone; auto].
Qed.

Lemma init_going : going (init p).
Proof.
  assert (GM : exists b, GoodMachine b (machine_of (core_of (init p)))).
  { destruct (init_moves p) as (es & _ & A & _). eexists. exact (accepted_good _ _ A). }
  unfold init in *. unfold plain_program in Plain. destruct (p_futures p) as [|h hs];
    [|discriminate].
  cbn [fold_left] in *.
  destruct (start_task (Some (Named main_coro)) [FEnter main_coro] nowhere) as [w f] eqn:E.
  vm_compute in E. injection E as <- <-.
  split; [reflexivity|]. split; [reflexivity|]. exists (fun f r => exists t, means p t r).
  assert (ME : forall u r, resume p [FEnter main_coro] Next u r -> means p u r).
  { intros u r Q. simpl in Q. destruct Q as (t & o & t2 & D & [-> ->] & ->).
    rewrite returned_throwing. apply gives_coro. exact D. }
  split; [|split; [|reflexivity]].
  2: { constructor.
    - intro t. unfold main_coro, main_task. simpl. destruct (Nat.eqb_spec t 0); split; intro;
      congruence.
    - intros b F. injection F as <-. intros u r Q. apply ME. exact Q.
    - intros r Q. discriminate. }
  unfold inv.
  match type of GM with context[until_done ?a ?b ?w] => set (w0 := until_done a b w) in * end.
  vm_compute in w0. subst w0. cbn in GM |- *. constructor; cbn; auto.
  - constructor; cbn; intros u x F; destruct (u =? 0); try discriminate; injection F as <-; cbn;
    auto.
    split; [discriminate|auto].
  - discriminate.
  - intros f y F N. destruct (f =? 0); [|discriminate]. injection F as <-. destruct N. auto.
  - intros c x f F A. destruct (c =? 0); [|discriminate]. injection F as <-. discriminate.
  - intros t b F. destruct (t =? 0); [|discriminate]. injection F as <-. eexists.
    split; [reflexivity|].
    split; [repeat constructor|]. intros u r Q. exists u. apply ME. exact Q.
  - repeat constructor. auto.
  - intros c j [E|[]]. injection E as <- <-. auto.
  - intros c j f [E|[]] W. injection E as <- <-. injection W as <-. split.
    + right. eexists. split; [reflexivity|]. left. auto.
    + intros x X. injection X as <-. split; [auto|discriminate].
  - intros g f [].
  - discriminate.
  - discriminate.
  - discriminate.
  - eexists. reflexivity.
  - eexists. split; reflexivity.
  - intros c x f F A. destruct (c =? 0); [|discriminate]. injection F as <-. discriminate.
  - intros c f g [E|[]]. discriminate.
  - discriminate.
Qed.
End Run.

(** * The theorems *)

(** What main of a plain program has said when it ends, but for the time, and what it returns or
    raises, is what the program means. *)
Theorem results_are_the_meaning : forall p fuel steps choices ls r, plain_program p = true ->
  let w := fst (run p fuel steps choices (init p)) in
  refused (core_of w) = false -> ended_after ls r w -> means p (main_said ls) r.
Proof.
  intros p fuel steps cs ls r P w R E.
  destruct (run_going p P fuel steps cs (init p)) as [(_ & G & _)|(_ & G)]; auto.
  - left. apply init_going. auto.
  - exfalso. eapply no_end; eauto.
Qed.

(** In two runs of a steady one, whatever their schedules, main has said and given the same. *)
Theorem results_schedule_independent :
  forall p fuel steps choices fuel' steps' choices' ls ls' r r',
  plain_program p = true -> steady_program p = true ->
  let w := fst (run p fuel steps choices (init p)) in
  let w' := fst (run p fuel' steps' choices' (init p)) in
  refused (core_of w) = false -> refused (core_of w') = false ->
  ended_after ls r w -> ended_after ls' r' w' -> main_said ls = main_said ls' /\ r = r'.
Proof.
  intros p fuel steps cs fuel' steps' cs' ls ls' r r' P S w w' R R' E E'.
  apply (meaning_is_unique p); auto.
  - exact (results_are_the_meaning p fuel steps cs ls r P R E).
  - exact (results_are_the_meaning p fuel' steps' cs' ls' r' P R' E').
Qed.
