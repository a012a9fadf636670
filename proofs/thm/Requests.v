(** A request to cancel is never parked: the task that it reached is queued, or runs, or awaits a
    gathering whose children are all done and whose callbacks will end it. *)
From Coq Require Import List Arith NArith Lia Bool Permutation.
From Seedloop.Spec Require Import Map Kernel Machine.
From Seedloop.Thm Require Import Lists Waits.
Import ListNotations.

(** What cancels and wakes leave alone. *)
Definition rest_view (x : task) :=
  (t_future x, t_step x, t_running x, t_ended x, t_aborted x, t_awaits x, t_told x, t_told_taken x).

Definition keeps (k k' : kernel) : Prop :=
  forall t, option_map rest_view (find t (tasks k')) = option_map rest_view (find t (tasks k)).

Lemma runner_keeps rn k k' : keeps k k' -> Runner rn k -> Runner rn k'.
Proof.
  intros K [A B C]. constructor.
  - intros t x E. destruct (view_some _ _ _ _ _ _ (K t) E) as (y & Ey & Q). injection Q as ? ? <- ? ? ? ? ?. eauto.
  - intros t E. destruct (B t E) as (x & Ex & L).
    destruct (view_some _ _ _ _ _ _ (eq_sym (K t)) Ex) as (y & Ey & Q). injection Q; intros. exists y. split; congruence.
  - intros t x E. destruct (view_some _ _ _ _ _ _ (K t) E) as (y & Ey & Q).
    injection Q as ? ? <- ? ? ? <- <-. eauto.
Qed.

Lemma keeps_refl k : keeps k k. Proof. intro; auto. Qed.
Lemma keeps_trans a b c : keeps a b -> keeps b c -> keeps a c.
Proof. intros A B t. rewrite B; auto. Qed.
Lemma keeps_eq k k' : tasks k' = tasks k -> keeps k k'.
Proof. intros E t. rewrite E; auto. Qed.
Lemma keeps_in_task t g k : (forall x, rest_view (g x) = rest_view x) -> keeps k (in_task t g k).
Proof.
  intros Q u. simpl. rewrite find_update. destruct (t =? u); auto.
  destruct (find u (tasks k)); simpl; auto. rewrite Q; auto.
Qed.
Lemma keeps_wake t k : keeps k (fst (wake t k)).
Proof.
  unfold wake. destruct (find_task t k); [|apply keeps_refl]. destruct (_ || _); [apply keeps_refl|].
  simpl. eapply keeps_trans; [apply (keeps_in_task t (set_queued true)); auto|apply keeps_eq; auto].
Qed.
Lemma keeps_run cbs : forall k, keeps k (fold_left run_callback cbs k).
Proof.
  induction cbs as [|[t|c] cbs IH]; simpl; intro k; [apply keeps_refl| |];
    (eapply keeps_trans; [|apply IH]); [apply keeps_wake|apply keeps_eq; auto].
Qed.
Lemma keeps_settle f s m once k : keeps k (fst (settle f s m once k)).
Proof.
  unfold settle. destruct (find_future f k) as [y|]; [|apply keeps_refl].
  destruct (is_pending _); [|apply keeps_refl]. simpl. eapply keeps_trans; [|apply keeps_run].
  destruct (f_observed y); apply keeps_eq; auto.
Qed.

(** ** About to be done stays about to be done *)

(** Futures leave [Pending] once, and may go. *)
Definition grows n (fs fs' : list (nat * future)) : Prop :=
  forall f, f < n -> match find f fs, find f fs' with
    | Some y, Some z => f_on_cancel z = f_on_cancel y /\ (f_state y = Pending \/ f_state z <> Pending)
    | None, Some _ => False
    | _, None => True
    end.

Definition older_children (fs : list (nat * future)) : Prop :=
  forall f y gs, find f fs = Some y -> f_on_cancel y = Children gs -> forall g, In g gs -> g < f.

Lemma closing_grows n fs fs' : grows n fs fs' -> older_children fs -> forall d f, f < n ->
  closing d fs f = true -> closing d fs' f = true.
Proof.
  intros G O. induction d as [|d IH]; intros f L C; specialize (G f L); simpl in *.
  - destruct (find f fs) as [y|] eqn:E, (find f fs') as [z|]; auto; try contradiction.
    destruct G as [_ G]. destruct (f_state y) eqn:S, (f_state z); auto;
      destruct (f_on_cancel y); try discriminate; destruct G; try congruence; destruct (f_on_cancel z); auto.
  - destruct (find f fs) as [y|] eqn:E, (find f fs') as [z|]; auto; try contradiction.
    destruct G as [G1 G2]. rewrite G1. destruct (f_state y) eqn:S.
    + destruct (f_on_cancel y) eqn:Y; try discriminate. destruct (f_state z); auto.
      rewrite forallb_forall in *. intros g I. specialize (O _ _ _ E Y g I). apply IH; auto. lia.
    + destruct G2 as [G2|G2]; [discriminate|]. destruct (f_state z); try congruence; destruct (f_on_cancel y); auto.
    + destruct G2 as [G2|G2]; [discriminate|]. destruct (f_state z); try congruence; destruct (f_on_cancel y); auto.
    + destruct G2 as [G2|G2]; [discriminate|]. destruct (f_state z); try congruence; destruct (f_on_cancel y); auto.
Qed.

Lemma older_of e k : Waits e k -> older_children (futures k).
Proof. intros H f y gs E O. eapply (w_children _ _ H); eauto. Qed.

(** [t] still waits for a future that is about to be done, or that future has just been settled. *)
Lemma awaits_closing_grows e x x' t k k' : Waits e k -> find t (tasks k) = Some x ->
  grows (next_future k) (futures k) (futures k') ->
  (forall f, In f (awaited x) -> In f (awaited x')) ->
  awaits_closing x k = true ->
  awaits_closing x' k' = true \/
  exists f, In f (awaited x) /\ is_done f k = false /\ is_closing f k = true /\ is_done f k' = true.
Proof.
  intros H E G I C. unfold awaits_closing in *. apply existsb_exists in C as (f & F & Q).
  apply andb_true_iff in Q as [Q1 Q2]. apply negb_true_iff in Q1.
  destruct (is_done f k') eqn:D; [right; exists f; auto|left].
  apply existsb_exists. exists f. split; auto. rewrite D. simpl.
  unfold is_closing in *. eapply closing_grows; eauto using older_of, w_known.
Qed.

Lemma grows_refl n fs : grows n fs fs.
Proof. intros f _. destruct (find f fs) as [y|]; auto. split; auto. destruct (f_state y); auto; right; discriminate. Qed.
Lemma grows_update n fs f g : (forall y, find f fs = Some y -> f_on_cancel (g y) = f_on_cancel y /\
  (f_state y = Pending \/ f_state (g y) <> Pending)) -> grows n fs (update f g fs).
Proof.
  intros G u L. pose proof (grows_refl n fs u L) as R. rewrite find_update.
  destruct (Nat.eqb_spec f u); [subst|destruct (find u fs); auto].
  destruct (find u fs) as [y|] eqn:E; simpl; auto.
Qed.
Lemma grows_same n fs f g : (forall y, f_on_cancel (g y) = f_on_cancel y /\ f_state (g y) = f_state y) ->
  grows n fs (update f g fs).
Proof.
  intros G. apply grows_update. intros y _. destruct (G y) as [A B]. split; auto. rewrite B.
  destruct (f_state y); auto; right; discriminate.
Qed.

(** ** Primitive changes *)

(** The futures are as they were, and no task has lost what kept its request alive. *)
Lemma requests_same cbs k k' e : Waits e k -> Requests cbs k ->
  grows (next_future k) (futures k) (futures k') ->
  (forall f, is_done f k = false -> is_done f k' = false \/ (forall t x, find t (tasks k) = Some x -> ~ In f (awaited x))) ->
  (forall t x', find t (tasks k') = Some x' -> t_must_cancel x' <> None ->
     exists x, find t (tasks k) = Some x /\ t_must_cancel x = t_must_cancel x' /\
       t_ended x' = t_ended x /\
       (t_queued x = true \/ t_running x = true -> t_queued x' = true \/ t_running x' = true) /\
       (t_queued x' = false -> t_running x' = false -> forall f, In f (awaited x) -> In f (awaited x'))) ->
  Requests cbs k'.
Proof.
  intros W R G D T t x' m E M. destruct (T t x' E) as (x & Ex & Mx & -> & Q & A); [congruence|].
  rewrite M in Mx. destruct (R t x m Ex Mx) as [L C]. split; auto.
  destruct (t_queued x') eqn:Q1; auto. destruct (t_running x') eqn:Q2; auto.
  destruct C as [C|[C|[C|C]]]; auto; try (destruct Q as [Q|Q]; auto; discriminate).
  destruct (awaits_closing_grows _ _ _ _ _ k' W Ex G (A eq_refl eq_refl) C) as [Z|(f & I & Z & _ & Z')]; auto.
  exfalso. destruct (D f Z) as [D'|D']; [congruence|]. exact (D' _ _ Ex I).
Qed.

Lemma requests_in_task cbs t g k : Requests cbs k ->
  (forall x, t_must_cancel (g x) = t_must_cancel x /\ t_ended (g x) = t_ended x /\
     t_queued (g x) = t_queued x /\ t_running (g x) = t_running x /\ t_awaits (g x) = t_awaits x) ->
  Requests cbs (in_task t g k).
Proof.
  intros R G u x m E M. simpl in E. rewrite find_update in E. destruct (t =? u); [|exact (R u x m E M)].
  destruct (find u (tasks k)) as [y|] eqn:F; simpl in E; [|discriminate]. injection E as <-.
  destruct (G y) as (G1 & -> & -> & -> & G5). rewrite G1 in M. specialize (R u y m F M).
  unfold awaits_closing, awaited in *. rewrite G5. exact R.
Qed.

Lemma requests_frame cbs k k' : tasks k' = tasks k -> futures k' = futures k -> Requests cbs k -> Requests cbs k'.
Proof.
  intros T F R t x m E M. rewrite T in E. specialize (R t x m E M).
  unfold awaits_closing, is_done, is_closing, state_of, find_future in *. rewrite F. exact R.
Qed.

Lemma requests_wake cbs t k : Requests cbs k -> Requests cbs (fst (wake t k)).
Proof.
  intro R. unfold wake. destruct (find_task t k) as [x|] eqn:E; auto.
  destruct (t_ended x || t_queued x) eqn:B; auto. apply orb_false_iff in B as [B1 B2].
  apply requests_frame with (in_task t (set_queued true) k); auto.
  intros u y m F M. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec t u).
  - subst. unfold find_task in E. rewrite E in F. injection F as <-. simpl. auto.
  - specialize (R u y m F M). exact R.
Qed.

Lemma requests_woken cbs t k : Requests (WakeTask t :: cbs) k -> Requests cbs (fst (wake t k)).
Proof.
  intro R. unfold wake. destruct (find_task t k) as [x|] eqn:E; unfold find_task in E.
  - destruct (t_ended x || t_queued x) eqn:B.
    + simpl. intros u y m F M. destruct (R u y m F M) as (L & [C|[C|[C|[C|C]]]]); split; auto.
      injection C as C. subst u. rewrite E in F. injection F as <-. rewrite L in B. auto.
    + apply requests_frame with (in_task t (set_queued true) k); auto.
      intros u y m F M. simpl in F. rewrite find_update in F. apply orb_false_iff in B as [B1 B2].
      destruct (Nat.eqb_spec t u).
      * subst. rewrite E in F. injection F as <-. simpl. auto.
      * destruct (R u y m F M) as (L & [C|[C|[C|[C|C]]]]); split; auto. congruence.
  - simpl. intros u y m F M. destruct (R u y m F M) as (L & [C|[C|[C|[C|C]]]]); split; auto. congruence.
Qed.

Lemma requests_run cbs : forall k, Requests cbs k -> Requests [] (fold_left run_callback cbs k).
Proof.
  induction cbs as [|[t|c] cbs IH]; simpl; auto; intros k R; apply IH.
  - apply requests_woken; auto.
  - apply requests_frame with k; auto. intros t x m E M.
    destruct (R t x m E M) as (L & [C|[C|[C|[C|C]]]]); split; auto. discriminate.
Qed.

Lemma requests_settle e f s m once k : Waits e k -> s <> Pending -> Requests [] k ->
  Requests [] (fst (settle f s m once k)).
Proof.
  intros W S R. unfold settle, find_future. destruct (find f (futures k)) as [y|] eqn:E; auto.
  destruct (f_state y) eqn:P; auto. simpl.
  set (g := fun _ : future => _).
  assert (D : Requests (f_callbacks y) (in_future f g k)).
  { intros t x n F M. destruct (R t x n F M) as (L & C). split; auto.
    destruct C as [C|[C|[C|[]]]]; auto.
    assert (G : grows (next_future k) (futures k) (futures (in_future f g k))).
    { apply grows_update. intros z Ez. rewrite E in Ez. injection Ez as <-. simpl. auto. }
    destruct (awaits_closing_grows _ _ x _ _ (in_future f g k) W F G (fun _ I => I) C) as [Z|(u & I & Z & _ & Z')]; auto.
    right. right. right.
    assert (u = f) as ->.
    { unfold is_done, state_of, find_future in Z, Z'. simpl in Z'. rewrite find_update in Z'.
      destruct (Nat.eqb_spec f u); auto. congruence. }
    assert (0 < count (is_wake t) (f_callbacks y)) as Q.
    { rewrite (w_count _ _ W t f y E P). unfold waits. simpl in F. rewrite F. apply count_pos. exists f.
      rewrite Nat.eqb_refl. auto. }
    apply count_pos in Q as ([v|c] & J & Q); [|discriminate]. simpl in Q. apply Nat.eqb_eq in Q. subst. auto. }
  destruct (f_observed y); apply requests_run; (eapply requests_frame; [| |exact D]); auto.
Qed.

(** ** Cancellation *)

Section Cancel.
Variable cf : list task_id -> message -> kernel -> future_id -> kernel * bool.
Hypothesis IHw : forall path m k f, Waits None k -> Waits None (fst (cf path m k f)).
Hypothesis IHk : forall path m k f, keeps k (fst (cf path m k f)).
Hypothesis IHr : forall path m k f, Waits None k -> Requests [] k -> Requests [] (fst (cf path m k f)).

Lemma keeps_refuse path m l : forall c, keeps (fst c) (fst (fold_left (refuse_or cf path m) l c)).
Proof.
  induction l as [|on l IHl]; simpl; intros [k b]; [apply keeps_refl|].
  eapply keeps_trans; [|apply IHl]. unfold refuse_or. destruct on as [f|]; [|apply keeps_refl].
  specialize (IHk path m k f). destruct (cf path m k f). exact IHk.
Qed.
Lemma keeps_any path m l : forall c, keeps (fst c) (fst (fold_left (any_or cf path m) l c)).
Proof.
  induction l as [|f l IHl]; simpl; intros [k b]; [apply keeps_refl|].
  eapply keeps_trans; [|apply IHl]. unfold any_or.
  specialize (IHk path m k f). destruct (cf path m k f). exact IHk.
Qed.
Lemma keeps_tell path m t k : keeps k (tell_with cf path m t k).
Proof.
  unfold tell_with. destruct (find_task t k) as [x|]; [|apply keeps_refl].
  match goal with |- context[fold_left ?g ?l ?c] => pose proof (keeps_refuse (t :: path) m l c) as H end.
  destruct (fold_left _ _ _) as [k1 refused]. simpl in H. destruct refused; auto.
  eapply keeps_trans; [exact H|]. destruct (awaits_closing x k1); [|eapply keeps_trans; [|apply keeps_wake]];
    apply keeps_in_task; auto.
Qed.
Lemma keeps_cancel_task path m t k : keeps k (fst (cancel_task_with cf path m t k)).
Proof.
  unfold cancel_task_with. destruct (find_task t k) as [x|]; [|apply keeps_refl].
  destruct (_ || _); [apply keeps_refl|]. set (k1 := note _ _).
  assert (keeps k k1) by (eapply keeps_trans;
    [apply (keeps_in_task t (fun x => set_cancels (S (t_cancels x)) x)); auto|apply keeps_eq; auto]).
  destruct (t_running x); simpl; (eapply keeps_trans; [eassumption|]); [apply keeps_in_task; auto|apply keeps_tell].
Qed.

Lemma requests_refuse path m l : forall c, Waits None (fst c) -> Requests [] (fst c) ->
  Requests [] (fst (fold_left (refuse_or cf path m) l c)).
Proof.
  induction l as [|on l IHl]; simpl; auto. intros [k b] W R.
  apply IHl; unfold refuse_or; destruct on as [f|]; auto;
    specialize (IHr path m k f W R); specialize (IHw path m k f W); destruct (cf path m k f); auto.
Qed.
Lemma requests_any path m l : forall c, Waits None (fst c) -> Requests [] (fst c) ->
  Requests [] (fst (fold_left (any_or cf path m) l c)).
Proof.
  induction l as [|f l IHl]; simpl; auto. intros [k b] W R.
  apply IHl; unfold any_or; specialize (IHr path m k f W R); specialize (IHw path m k f W);
    destruct (cf path m k f); auto.
Qed.

Lemma requests_tell path m t k : Waits None k -> Requests [] k ->
  (forall x, find t (tasks k) = Some x -> t_ended x = false) -> Requests [] (tell_with cf path m t k).
Proof.
  intros W R L. unfold tell_with, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  set (c := (k, _)). set (l := map a_on (t_awaits x)).
  pose proof (waits_refuse cf IHw (t :: path) m l c W) as W1.
  pose proof (requests_refuse (t :: path) m l c W R) as R1.
  pose proof (keeps_refuse (t :: path) m l c t) as K.
  destruct (fold_left _ l c) as [k1 refused]. simpl in *. rewrite E in K. simpl in K.
  destruct refused; auto.
  destruct (find t (tasks k1)) as [x1|] eqn:E1; [|discriminate]. simpl in K.
  injection K as K1 K2 K3 K4 K5 K6 K7 K8. specialize (L x eq_refl).
  assert (AC : awaits_closing x1 k1 = awaits_closing x k1) by (unfold awaits_closing, awaited; rewrite K6; auto).
  set (g := set_must_cancel (Some m)).
  assert (P : forall u y n, find u (tasks (in_task t g k1)) = Some y -> t_must_cancel y = Some n ->
    u = t \/ (t_ended y = false /\ (t_queued y = true \/ t_running y = true \/ awaits_closing y k1 = true \/ In (WakeTask u) []))).
  { intros u y n F M. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec t u); auto.
    right. exact (R1 u y n F M). }
  assert (F1 : find t (tasks (in_task t g k1)) = Some (g x1)).
  { simpl. rewrite find_update, Nat.eqb_refl, E1. auto. }
  destruct (awaits_closing x k1) eqn:C.
  - intros u y n F M. destruct (P u y n F M) as [->|Q]; [|exact Q].
    rewrite F1 in F. injection F as <-. split; [simpl; congruence|]. right. right. left. exact AC.
  - unfold wake, find_task. rewrite F1. change (t_ended (g x1)) with (t_ended x1). rewrite K4, L. simpl.
    destruct (t_queued x1) eqn:Q1; cbn [fst].
    + intros u y n F M. destruct (P u y n F M) as [->|Q]; [|exact Q].
      rewrite F1 in F. injection F as <-. simpl. rewrite K4. auto.
    + simpl. intros u y n F M. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec t u).
      * subst u. rewrite find_update, Nat.eqb_refl, E1 in F. injection F as <-. simpl. rewrite K4. auto.
      * destruct (P u y n F M) as [Z|Q]; [congruence|exact Q].
Qed.

Lemma requests_cancel_task path m t k : Waits None k -> Requests [] k ->
  Requests [] (fst (cancel_task_with cf path m t k)).
Proof.
  intros W R. unfold cancel_task_with, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  destruct (t_ended x || _) eqn:B; auto. apply orb_false_iff in B as [L _].
  set (g := fun x => set_cancels (S (t_cancels x)) x). set (k1 := note (EAsk t) (in_task t g k)).
  assert (W1 : Waits None k1)
    by (eapply waits_same; [|exact W]; eapply sw_trans; [apply sw_in_task|apply sw_note]; auto).
  assert (R1 : Requests [] k1) by (apply requests_frame with (in_task t g k); auto; apply requests_in_task; auto).
  assert (E1 : find t (tasks k1) = Some (g x)) by (simpl; rewrite find_update, Nat.eqb_refl, E; auto).
  destruct (t_running x) eqn:Q; simpl.
  - intros u y n F M. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec t u).
    + subst u. change (find t (update t g (tasks k))) with (find t (tasks k1)) in F. rewrite E1 in F.
      injection F as <-. simpl. auto.
    + exact (R1 u y n F M).
  - apply requests_tell; auto. intros y Ey. rewrite E1 in Ey. injection Ey as <-. auto.
Qed.
End Cancel.

Lemma keeps_cancel fuel : forall path m k f, keeps k (fst (cancel_future fuel path m k f)).
Proof.
  induction fuel as [|fuel IH]; simpl; intros path m k f; [apply keeps_refl|].
  destruct (find_future f k) as [y|]; [|apply keeps_refl].
  destruct (f_state y); try apply keeps_refl. destruct (f_on_cancel y).
  - apply keeps_settle.
  - apply keeps_cancel_task; auto.
  - pose proof (keeps_any _ IH path m fs (k, false)) as H. destruct (fold_left _ fs (k, false)) as [k1 any].
    simpl in *. destruct any; auto.
Qed.

Lemma requests_cancel fuel : forall path m k f, Waits None k -> Requests [] k ->
  Requests [] (fst (cancel_future fuel path m k f)).
Proof.
  induction fuel as [|fuel IH]; simpl; auto. intros path m k f W R.
  destruct (find_future f k) as [y|]; auto. destruct (f_state y); auto. destruct (f_on_cancel y).
  - eapply requests_settle; eauto. discriminate.
  - apply requests_cancel_task; auto; intros; [apply waits_cancel_future|apply keeps_cancel]; auto.
  - pose proof (requests_any _ (waits_cancel_future fuel) IH path m fs (k, false) W R) as H.
    pose proof (waits_any _ (waits_cancel_future fuel) path m fs (k, false) W) as W1.
    destruct (fold_left _ fs (k, false)) as [k1 any]. simpl in *. destruct any; auto.
    apply (requests_same [] k1 (in_future f set_requested k1) None); auto.
    + apply grows_same; auto.
    + intros g D. left. unfold is_done, state_of, find_future in *. simpl. rewrite find_update.
      destruct (f =? g); auto. destruct (find g (futures k1)); auto.
    + intros t x' E _. exists x'. repeat split; auto.
Qed.

(** ** Every operation *)

(** The states and rules of the futures are as they were. *)
Lemma requests_callbacks cbs f g k : Requests cbs k ->
  (forall y, f_state (g y) = f_state y /\ f_on_cancel (g y) = f_on_cancel y) ->
  Requests cbs (in_future f g k).
Proof.
  intros R G t x m E M. specialize (R t x m E M).
  assert (S : forall u, is_done u (in_future f g k) = is_done u k).
  { intro u. unfold is_done, state_of, find_future. simpl. rewrite find_update. destruct (f =? u); auto.
    destruct (find u (futures k)) as [y|]; simpl; auto. destruct (G y) as [-> _]. auto. }
  assert (C : forall d u, closing d (update f g (futures k)) u = closing d (futures k) u).
  { induction d as [|d IH]; intro u; simpl; rewrite find_update; destruct (f =? u);
      destruct (find u (futures k)) as [y|]; simpl; auto;
      try (destruct (G y) as [-> ->]); destruct (f_state y); auto; destruct (f_on_cancel y); auto;
      induction fs as [|v fs IHf]; simpl; auto; rewrite IH, IHf; auto. }
  assert (A : awaits_closing x (in_future f g k) = awaits_closing x k).
  { unfold awaits_closing. induction (awaited x) as [|u l IH]; simpl; auto. rewrite S, IH.
    unfold is_closing. change (futures (in_future f g k)) with (update f g (futures k)). rewrite C. auto. }
  rewrite A. exact R.
Qed.

Lemma frame_fire l : forall k, tasks (fold_left fire l k) = tasks k /\ futures (fold_left fire l k) = futures k.
Proof. induction l as [|w l IH]; simpl; intro k; auto. destruct (IH (fire k w)) as [-> ->]. auto. Qed.
Lemma frame_collect k : tasks (collect_due k) = tasks k /\ futures (collect_due k) = futures k.
Proof. unfold collect_due. destruct (due _ _). destruct (frame_fire l (set_timers l0 (registrations k) k)) as [-> ->]. auto. Qed.
Lemma frame_begin_iteration k :
  tasks (fst (begin_iteration k)) = tasks k /\ futures (fst (begin_iteration k)) = futures k.
Proof.
  unfold begin_iteration. set (k1 := set_iteration _ k).
  assert (C : forall k2, tasks k2 = tasks k -> futures k2 = futures k ->
    tasks (set_batch (length (ready (collect_due k2))) (collect_due k2)) = tasks k /\
    futures (set_batch (length (ready (collect_due k2))) (collect_due k2)) = futures k).
  { intros k2 T F. simpl. destruct (frame_collect k2) as [-> ->]. auto. }
  destruct (ready k1), (stopping k1), (next_deadline k1); simpl; try (destruct (time_ltb _ _)); simpl;
    try (apply C); auto.
Qed.
Lemma frame_slip k : tasks (fst (slip k)) = tasks k /\ futures (fst (slip k)) = futures k.
Proof.
  unfold slip. destruct (next_deadline k) as [d|]; auto. destruct (time_ltb _ _); auto. simpl.
  apply (frame_collect (set_now d k)).
Qed.
Lemma frame_cancel_call c k : tasks (fst (cancel_call c k)) = tasks k /\ futures (fst (cancel_call c k)) = futures k.
Proof. unfold cancel_call. destruct (find c (calls k)) as [x|]; auto. destruct (c_place x); auto. Qed.

Lemma requests_future_new rule k : Waits None k -> Requests [] k -> Requests [] (fst (future_new rule k)).
Proof.
  intros W R. apply (requests_same [] k _ None); auto.
  - intros f L. simpl. pose proof (grows_refl (next_future k) (futures k) f L). destruct (Nat.eqb_spec f (next_future k)); [lia|auto].
  - intros f D. left. unfold is_done, state_of, find_future in *. simpl. destruct (f =? next_future k); auto.
  - intros t x E _. exists x. repeat split; auto.
Qed.

Lemma requests_spawn k : Waits None k -> Requests [] k -> Requests [] (fst (spawn k)).
Proof.
  intros W R. pose proof (requests_future_new (OfTask (next_task k)) k W R) as R1. unfold spawn.
  destruct (future_new (OfTask (next_task k)) k) as [k1 f]. simpl in *. apply requests_wake.
  intros t x m E M. simpl in E. destruct (t =? next_task k); [injection E as <-; discriminate|].
  exact (R1 t x m E M).
Qed.

Lemma requests_release f k : Waits None k -> Requests [] k -> is_awaited f k = false ->
  Requests [] (fst (future_release f k)).
Proof.
  intros W R A. unfold future_release, find_future. destruct (find f (futures k)) as [y|] eqn:E; auto. simpl.
  apply requests_frame with (set_futures (remove f (futures k)) k); auto.
  apply (requests_same [] k _ None); auto.
  - intros g L. simpl. rewrite find_remove. pose proof (grows_refl (next_future k) (futures k) g L) as G.
    destruct (f =? g); auto. destruct (find g (futures k)); auto.
  - intros g D. unfold is_done, state_of, find_future in *. simpl. rewrite find_remove.
    destruct (Nat.eqb_spec f g); auto. right. subst g. rewrite E in D. intros t x F I.
    assert (P : f_state y = Pending) by (destruct (f_state y); auto; discriminate).
    assert (0 < count (is_wake t) (f_callbacks y)) as Q.
    { rewrite (w_count _ _ W t f y E P). unfold waits. rewrite F. apply count_pos. exists f.
      rewrite Nat.eqb_refl. auto. }
    apply count_pos in Q as ([v|c] & J & Q); [|discriminate].
    unfold is_awaited, find_future in A. rewrite E in A.
    pose proof (existsb_false _ _ _ A _ J). discriminate.
  - intros t x F _. exists x. repeat split; auto.
Qed.

Lemma requests_task_release t k : Waits None k -> Requests [] k -> ended t k = true ->
  Requests [] (task_release t k).
Proof.
  intros W R D. unfold task_release, ended in *. destruct (find_task t k) as [x|] eqn:E; auto.
  unfold find_task in E. destruct (w_future _ _ W _ _ E) as (y & Ey & _ & _ & Q).
  assert (NP : f_state y <> Pending) by (intro P; specialize (Q D P); discriminate).
  unfold future_release, find_future. cbn [futures set_tasks]. rewrite Ey. simpl.
  set (k1 := set_futures _ _). apply requests_frame with k1; auto.
  apply (requests_same [] k _ None); auto.
  - intros g L. simpl. rewrite find_remove. pose proof (grows_refl (next_future k) (futures k) g L) as G.
    destruct (t_future x =? g); auto. destruct (find g (futures k)); auto.
  - intros g N. left. unfold is_done, state_of, find_future in *. simpl. rewrite find_remove.
    destruct (Nat.eqb_spec (t_future x) g); auto. subst g. rewrite Ey in N.
    destruct (f_state y); try discriminate; congruence.
  - intros u z F _. simpl in F. rewrite find_remove in F. destruct (t =? u); [discriminate|].
    exists z. repeat split; auto.
Qed.

Lemma requests_begin_step t k : Requests [] k -> Requests [] (fst (begin_step t k)).
Proof.
  intro R. unfold begin_step, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  assert (G : forall g, t_must_cancel (g x) = None -> Requests [] (in_task t g k)).
  { intros g N u z m F M. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec t u).
    - subst. rewrite E in F. injection F as <-. congruence.
    - exact (R u z m F M). }
  destruct (t_ended x) eqn:D.
  - apply G. simpl. destruct (t_must_cancel x) eqn:M; auto. destruct (R t x _ E M). congruence.
  - destruct (t_aborted x || _); simpl; [|apply G; auto].
    destruct (is_some (t_must_cancel x)); [apply requests_frame with (in_task t (fun _ => Task (t_future x) (S (t_step x)) false true false (t_aborted x) (t_awaits x) None None (t_told_taken x) (t_cancels x)) k); auto|]; apply G; auto.
Qed.

Lemma requests_poll t on since k : Waits None k -> Requests [] k -> Requests [] (fst (poll_await t on since k)).
Proof.
  intros W R. unfold poll_await, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  assert (C : forall b, Requests [] (if b : bool then in_task t (set_told_taken true) k else k))
    by (intros []; auto; apply requests_in_task; auto).
  destruct since; simpl.
  - destruct (n <? t_step x); [destruct (t_told x)|]; simpl; auto;
      try (destruct (match on with Some f => _ | None => _ end)); simpl; auto; apply (C true).
  - destruct (match on with Some f => _ | None => _ end); simpl; auto.
    set (g := fun x => set_awaits _ x).
    assert (H : Requests [] (in_task t g k)).
    { apply (requests_same [] k _ None); auto using grows_refl.
      - intros u z F _. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec t u).
        + subst. rewrite E in F. injection F as <-. exists x. repeat split; auto.
          intros _ _ f I. unfold awaited in *. simpl. rewrite awaited_app. apply in_app_iff; auto.
        + exists z. repeat split; auto. }
    destruct on as [f|]; [apply requests_callbacks; auto|apply requests_wake; auto].
Qed.

Lemma requests_end_await t on since k : Waits None k -> Requests [] k -> Requests [] (end_await t on since k).
Proof.
  intros W R. unfold end_await, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  destruct (existsb _ _); auto. set (l := remove_first _ _). set (g := set_awaits l).
  set (k1 := in_task t g k).
  assert (RW : forall f, Requests [] k1 -> Requests [] (remove_wake f t k1))
    by (intros; apply requests_callbacks; auto).
  destruct (is_some (t_must_cancel x) && negb (t_running x)) eqn:B.
  - assert (H : Requests [WakeTask t] k1).
    { intros u z m F M. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec t u).
      - subst. rewrite E in F. injection F as <-. destruct (R u x m E M) as [L _]. split; auto.
        right. right. right. left. auto.
      - destruct (R u z m F M) as (L & [C|[C|[C|[]]]]); split; auto. }
    apply requests_woken. destruct on as [f|]; auto. apply requests_callbacks; auto.
  - assert (H : Requests [] k1).
    { intros u z m F M. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec t u).
      - subst. rewrite E in F. injection F as <-. destruct (R u x m E M) as [L _]. split; auto.
        simpl in M. rewrite M in B. simpl in B. apply negb_false_iff in B. auto.
      - exact (R u z m F M). }
    destruct on; auto.
Qed.

Lemma requests_end_step t e k : Waits None k -> Requests [] k -> Runner (Some t) k ->
  Requests [] (end_step t e k).
Proof.
  intros W R [RR RL RT]. unfold end_step, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  set (k1 := if t_told_taken x then _ else k).
  assert (W1 : Waits None k1) by (unfold k1; destruct (t_told_taken x); auto; eapply waits_same; [apply sw_note|auto]).
  assert (R1 : Requests [] k1) by (unfold k1; destruct (t_told_taken x); auto; apply requests_frame with k; auto).
  assert (E1 : find t (tasks k1) = Some x) by (unfold k1; destruct (t_told_taken x); auto).
  assert (L : t_ended x = false) by (destruct (RL t eq_refl) as (z & Ez & L); congruence).
  clearbody k1.
  assert (G : forall g, t_must_cancel (g x) = None -> Requests [] (in_task t g k1)).
  { intros g N u z m F M. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec t u).
    - subst. rewrite E1 in F. injection F as <-. congruence.
    - exact (R1 u z m F M). }
  destruct e as [|e].
  - set (g := fun _ : task => _). set (k2 := in_task t g k1).
    assert (R2 : Requests [] k2) by (apply G; auto).
    assert (W2 : Waits None k2).
    { eapply waits_same; [|exact W1]. constructor; simpl; eauto. intro u. rewrite find_update.
      destruct (Nat.eqb_spec t u); auto. subst. rewrite E1. unfold task_view. simpl. congruence. }
    set (k3 := match asked x with Some m => _ | None => _ end).
    assert (R3 : Requests [] k3).
    { unfold k3. destruct (asked x); auto. apply requests_tell; auto.
      - intros. apply waits_cancel_future; auto.
      - intros. apply keeps_cancel.
      - intros. apply requests_cancel; auto.
      - intros z F. simpl in F. rewrite find_update, Nat.eqb_refl, E1 in F. injection F as <-. auto. }
    destruct (t_aborted x); auto. apply requests_wake; auto.
  - destruct (outcome e (asked x)) as [[s m] once] eqn:O.
    assert (S : s <> Pending) by (destruct e, (asked x); injection O as <- _ _; discriminate).
    set (g := fun _ : task => _).
    assert (RA : forall l k, Requests [] k -> Requests [] (fold_left (fun k f => remove_wake f t k) l k)).
    { induction l as [|f l IH]; simpl; auto. intros k0 R0. apply IH, requests_callbacks; auto. }
    apply requests_settle with (Some t); auto.
    apply (waits_ending t x g k1 W1 E1 L eq_refl eq_refl eq_refl).
Qed.

(** ** Who runs *)

Lemma keeps_poll_runner rn t on since k : Runner rn k -> rn = Some t ->
  Runner rn (fst (poll_await t on since k)).
Proof.
  intros H ->. unfold poll_await, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  assert (G : forall g, (forall x, t_running (g x) = t_running x /\ t_ended (g x) = t_ended x /\ t_told (g x) = t_told x) ->
    (t_told_taken (g x) = true -> t_told x <> None) -> Runner (Some t) (in_task t g k)).
  { intros g V TT. destruct H as [A B C]. constructor.
    - intros u z F. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec t u); [|eauto].
      subst. rewrite E in F. injection F as <-. destruct (V x) as (-> & _). eauto.
    - intros u Q. destruct (B u Q) as (z & Ez & L). simpl. rewrite find_update.
      destruct (Nat.eqb_spec t u); [|eauto]. subst. rewrite Ez. simpl. exists (g z).
      destruct (V z) as (_ & -> & _). auto.
    - intros u z F. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec t u); [|eauto].
      subst. rewrite E in F. injection F as <-. destruct (V x) as (-> & _ & ->). destruct (C _ _ E). auto. }
  destruct since; simpl.
  - destruct (n <? t_step x); [destruct (t_told x) as [m|] eqn:T|]; simpl; auto;
      try (destruct (match on with Some f => _ | None => _ end)); simpl; auto;
      apply G; auto; congruence.
  - destruct (match on with Some f => _ | None => _ end); simpl; auto.
    assert (H1 : Runner (Some t) (in_task t (fun z => set_awaits (t_awaits z ++ [Await on (t_step x)]) z) k)).
    { destruct H as [A B C] eqn:HH. apply G; auto. simpl. destruct (C _ _ E). auto. }
    destruct on as [f|].
    + eapply runner_keeps; [|exact H1]. apply keeps_eq. reflexivity.
    + eapply runner_keeps; [apply keeps_wake|exact H1].
Qed.

Lemma runner_begin_step t k : Runner None k ->
  Runner (match snd (begin_step t k) with EntryEnded => None | _ => Some t end) (fst (begin_step t k)).
Proof.
  intros H. unfold begin_step, find_task. destruct (find t (tasks k)) as [x|] eqn:E; auto.
  destruct (t_ended x) eqn:D; simpl.
  { eapply runner_keeps; [apply keeps_in_task|]; auto. }
  assert (G : forall told, Runner (Some t) (in_task t (fun _ => Task (t_future x) (S (t_step x)) false true false
      (t_aborted x) (t_awaits x) None told (t_told_taken x) (t_cancels x)) k)).
  { intro told. destruct H as [A B C].
    assert (NR : t_running x = false).
    { destruct (t_running x) eqn:Q; auto. apply (A _ _ E) in Q. discriminate. }
    assert (NT : t_told_taken x = false).
    { destruct (t_told_taken x) eqn:Q; auto. destruct (C _ _ E) as [C1 C2]. rewrite (C1 (C2 Q)) in NR. discriminate. }
    constructor.
    - intros u z F. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec t u).
      + subst. rewrite E in F. injection F as <-. simpl. intuition.
      + rewrite (A _ _ F). split; [discriminate|congruence].
    - intros u Q. injection Q as <-. simpl. rewrite find_update, Nat.eqb_refl, E. simpl. eauto.
    - intros u z F. simpl in F. rewrite find_update in F. destruct (Nat.eqb_spec t u); [|eauto].
      subst. rewrite E in F. injection F as <-. simpl. rewrite NT. split; [auto|discriminate]. }
  destruct (t_aborted x || _); simpl; [|apply G].
  destruct (is_some (t_must_cancel x)); [eapply runner_keeps; [apply keeps_eq|]; [|apply (G None)]; auto|apply G].
Qed.

Lemma runner_end_step t e k : Runner (Some t) k -> Runner None (end_step t e k).
Proof.
  intros [A B C]. destruct (B t eq_refl) as (x & E & L).
  unfold end_step, find_task. rewrite E.
  set (k1 := if t_told_taken x then _ else k).
  assert (T1 : tasks k1 = tasks k) by (unfold k1; destruct (t_told_taken x); auto).
  assert (G : forall g, t_running (g x) = false -> t_told (g x) = None -> t_told_taken (g x) = false ->
    Runner None (in_task t g k1)).
  { intros g G1 G2 G3. constructor.
    - intros u z F. simpl in F. rewrite T1, find_update in F. destruct (Nat.eqb_spec t u).
      + subst. rewrite E in F. injection F as <-. rewrite G1. split; discriminate.
      + rewrite (A _ _ F). split; [congruence|discriminate].
    - discriminate.
    - intros u z F. simpl in F. rewrite T1, find_update in F. destruct (Nat.eqb_spec t u); [|eauto].
      subst. rewrite E in F. injection F as <-. rewrite G2, G3. split; [congruence|discriminate]. }
  destruct e as [|e].
  - set (g := fun _ : task => _). set (k2 := in_task t g k1).
    assert (H2 : Runner None k2) by (apply G; auto).
    set (k3 := match asked x with Some m => _ | None => _ end).
    assert (H3 : Runner None k3).
    { unfold k3. destruct (asked x); auto. eapply runner_keeps; [|exact H2].
      apply keeps_tell. intros. apply keeps_cancel. }
    destruct (t_aborted x); auto. eapply runner_keeps; [apply keeps_wake|auto].
  - destruct (outcome e (asked x)) as [[s m] once]. eapply runner_keeps; [apply keeps_settle|].
    change (fold_left _ (awaited x) ?k) with (remove_wakes t (awaited x) k).
    eapply runner_keeps; [apply keeps_eq; apply removed_rest|]. apply G; auto.
Qed.

Lemma keeps_spawn_runner rn k : Waits None k -> Runner rn k -> Runner rn (fst (spawn k)).
Proof.
  intros W [A B C]. unfold spawn. destruct (future_new (OfTask (next_task k)) k) as [k1 f] eqn:F. simpl.
  eapply runner_keeps; [apply keeps_wake|]. injection F as <- <-. constructor; simpl.
  - intros t x E. destruct (Nat.eqb_spec t (next_task k)); [|eauto]. injection E as <-. simpl.
    split; [discriminate|]. intro R. destruct (B t R) as (y & Ey & _). apply (w_fresh_task _ _ W) in Ey. lia.
  - intros t R. destruct (B t R) as (y & Ey & L). exists y. pose proof (w_fresh_task _ _ W _ _ Ey).
    destruct (Nat.eqb_spec t (next_task k)); [lia|auto].
  - intros t x E. destruct (t =? next_task k); [|eauto]. injection E as <-. simpl. split; [congruence|discriminate].
Qed.

Lemma keeps_release_runner rn t k : Runner rn k -> ended t k = true -> Runner rn (task_release t k).
Proof.
  intros [A B C] D. unfold task_release, ended in *. destruct (find_task t k) as [x|] eqn:E; [|constructor; auto].
  unfold find_task in E. eapply runner_keeps with (set_tasks (remove t (tasks k)) k).
  { unfold future_release. destruct (find_future _ _); [|apply keeps_refl]. apply keeps_eq; auto. }
  constructor; simpl.
  - intros u z F. rewrite find_remove in F. destruct (t =? u); [discriminate|eauto].
  - intros u R. destruct (B u R) as (y & Ey & L). exists y. rewrite find_remove.
    destruct (Nat.eqb_spec t u); auto. subst. congruence.
  - intros u z F. rewrite find_remove in F. destruct (t =? u); [discriminate|eauto].
Qed.

Lemma runner_in_task rn t g k : Runner rn k ->
  (forall x, t_running (g x) = t_running x /\ t_ended (g x) = t_ended x /\ t_told (g x) = t_told x /\
     t_told_taken (g x) = t_told_taken x) -> Runner rn (in_task t g k).
Proof.
  intros [A B C] G. constructor.
  - intros u z F. simpl in F. rewrite find_update in F. destruct (t =? u); [|eauto].
    destruct (find u (tasks k)) as [y|] eqn:E; [|discriminate]. injection F as <-.
    destruct (G y) as (-> & _). eauto.
  - intros u Q. destruct (B u Q) as (z & Ez & L). simpl. rewrite find_update.
    destruct (t =? u); [|eauto]. rewrite Ez. simpl. exists (g z). destruct (G z) as (_ & -> & _). auto.
  - intros u z F. simpl in F. rewrite find_update in F. destruct (t =? u); [|eauto].
    destruct (find u (tasks k)) as [y|] eqn:E; [|discriminate]. injection F as <-.
    destruct (G y) as (-> & _ & -> & ->). eauto.
Qed.

Lemma runner_end_await rn t on since k : Runner rn k -> Runner rn (end_await t on since k).
Proof.
  intro H. unfold end_await. destruct (find_task t k) as [x|]; auto. destruct (existsb _ _); auto.
  set (k1 := in_task t _ k).
  assert (H1 : Runner rn k1) by (apply runner_in_task; auto).
  set (k2 := match on with Some f => _ | None => _ end).
  assert (H2 : Runner rn k2) by (unfold k2; destruct on; auto; eapply runner_keeps; [|exact H1]; apply keeps_eq; auto).
  destruct (_ && _); auto. eapply runner_keeps; [apply keeps_wake|auto].
Qed.

Lemma runner_abort rn t k : Runner rn k -> Runner rn (fst (abort t k)).
Proof.
  intro H. unfold abort. destruct (find_task t k) as [x|]; auto. destruct (t_ended x); auto. simpl.
  assert (H1 : Runner rn (in_task t set_aborted k)) by (apply runner_in_task; auto).
  destruct (t_running x); auto. eapply runner_keeps; [apply keeps_wake|auto].
Qed.

(** ** Every operation *)

Theorem alive_apply m o m' a : apply m o = Some (m', a) -> Alive m -> Alive m'.
Proof.
  intros A [W R N X].
  assert (RL : runner_lives m).
  { intros t x Q E. destruct (r_lives _ _ N t Q) as (y & Ey & L). congruence. }
  pose proof (waits_apply _ _ _ _ A RL W) as W'.
  destruct m as [k tk rn]. simpl in W, R, N.
  assert (WH : forall b r, when b r = Some (m', a) -> b = true /\ r = Some (m', a))
    by (unfold when; intros [] r Q; [auto|discriminate]).
  assert (D : forall (c : kernel * answer), same (Machine k tk rn) c = Some (m', a) ->
    Requests [] (fst c) -> Runner rn (fst c) -> Alive m').
  { intros c Q Rc Nc. unfold same in Q. injection Q as <- _. constructor; auto. }
  assert (F : forall k', tasks k' = tasks k -> futures k' = futures k -> Requests [] k')
    by (intros; apply requests_frame with k; auto).
  assert (K : forall k', keeps k k' -> Runner rn k') by (intros; eapply runner_keeps; eauto).
  assert (RN : forall t, is_running t (Machine k tk rn) = true -> rn = Some t).
  { intros t Q. unfold is_running in Q. simpl in Q. destruct rn; [|discriminate].
    apply Nat.eqb_eq in Q. subst. auto. }
  destruct o; cbn [apply kern taken running] in A; try (apply WH in A as [B A]);
    try (match type of A with plain _ _ = _ => idtac | with_bool _ _ = _ => idtac end;
         eapply D; [exact A| |]); cbn [fst snd]; try (apply F; reflexivity); try (apply K, keeps_eq; reflexivity).
  - pose proof (frame_begin_iteration k) as [T1 T2]. destruct (begin_iteration k) as [k1 t1].
    eapply D; [exact A|apply F|apply K, keeps_eq]; auto.
  - pose proof (frame_slip k) as [T1 T2]. apply F; auto.
  - pose proof (frame_slip k) as [T1 T2]. apply K, keeps_eq; auto.
  - destruct (take index k) as [[k' h]|] eqn:T; [|discriminate]. injection A as <- _. simpl in *.
    unfold take in T. destruct (nth_error _ _); [|discriminate]. injection T as <- <-.
    assert (Q : rn = None) by (unfold at_rest in B; simpl in B; destruct tk, rn; try discriminate; auto).
    subst rn. constructor; simpl; [exact W'|apply F; auto|apply K, keeps_eq; auto|right; auto].
  - pose proof (requests_spawn k W R). pose proof (keeps_spawn_runner rn k W N).
    destruct (spawn k) as [? [? ?]]. eapply D; eauto.
  - apply requests_wake; auto.
  - apply K, keeps_wake.
  - unfold is_taken in B. simpl in B. destruct tk as [[u|c]|]; simpl in B; try discriminate.
    apply Nat.eqb_eq in B. subst u.
    assert (Q : rn = None) by (destruct X as [X|X]; [discriminate|auto]). subst rn.
    pose proof (requests_begin_step t k R). pose proof (runner_begin_step t k N).
    destruct (begin_step t k) as [k1 e]. injection A as <- _. constructor; simpl in *; auto. left; auto.
  - specialize (RN t B). subst rn. pose proof (requests_end_step t e k W R N). pose proof (runner_end_step t e k N).
    injection A as <- _. constructor; simpl in *; auto. right; auto.
  - specialize (RN t B). pose proof (requests_poll t on since k W R). pose proof (keeps_poll_runner rn t on since k N RN).
    destruct (poll_await t on since k) as [? [? ?]]. eapply D; eauto.
  - apply requests_end_await; auto.
  - apply runner_end_await; auto.
  - unfold abort. destruct (find_task t k) as [x|]; auto. destruct (t_ended x); auto. simpl.
    assert (Q : Requests [] (in_task t set_aborted k)) by (apply requests_in_task; auto).
    destruct (t_running x); auto. apply requests_wake; auto.
  - apply runner_abort; auto.
  - assert (Q : forall g, (forall x, t_queued (g x) = t_queued x /\ t_ended (g x) = t_ended x /\
      t_running (g x) = t_running x /\ t_awaits (g x) = t_awaits x /\
      (t_must_cancel (g x) = t_must_cancel x \/ t_must_cancel (g x) = None)) ->
      forall k, Requests [] k -> Requests [] (in_task t g k)).
    { intros g G k0 R0 u z m F0 M. simpl in F0. rewrite find_update in F0. destruct (t =? u); [|exact (R0 u z m F0 M)].
      destruct (find u (tasks k0)) as [y|] eqn:E; [|discriminate]. injection F0 as <-.
      destruct (G y) as (G1 & G2 & G3 & G4 & [G5|G5]); [|congruence]. rewrite G5 in M.
      specialize (R0 u y m E M). unfold awaits_closing, awaited in *. rewrite G1, G2, G3, G4. exact R0. }
    assert (R1 : Requests [] (fst (uncancel t k)) /\ keeps k (fst (uncancel t k))).
    { unfold uncancel. destruct (find_task t k) as [x|]; [|split; [auto|apply keeps_refl]].
      destruct (t_cancels x) as [|n]; [split; [auto|apply keeps_refl]|]. simpl.
      assert (K1 : keeps k (in_task t (set_cancels n) k)) by (apply keeps_in_task; auto).
      destruct (n =? 0); split; auto.
      - apply Q; [intro; simpl; auto 6|]. apply Q; auto. intro; simpl; auto 6.
      - eapply keeps_trans; [exact K1|]. apply keeps_in_task; auto.
      - apply Q; auto. intro; simpl; auto 6. }
    destruct R1 as [R1 K1]. destruct (uncancel t k). eapply D; eauto.
  - apply requests_in_task; auto.
  - apply K, keeps_in_task. auto.
  - apply requests_cancel_task; auto; intros; [apply waits_cancel_future|apply keeps_cancel|apply requests_cancel]; auto.
  - apply K, keeps_cancel_task. intros. apply keeps_cancel.
  - apply requests_task_release; auto.
  - apply keeps_release_runner; auto.
  - pose proof (requests_future_new rule k W R). destruct (future_new rule k) as [k1 f] eqn:E. eapply D; eauto.
    apply K, keeps_eq. injection E as <- _. auto.
  - apply andb_true_iff in B as [_ B]. apply negb_true_iff in B.
    pose proof (requests_release f k W R B) as Q.
    assert (T : tasks (fst (future_release f k)) = tasks k)
      by (unfold future_release; destruct (find_future f k); auto).
    destruct (future_release f k). eapply D; eauto. apply K, keeps_eq. auto.
  - apply andb_true_iff in B as [_ B]. eapply requests_settle; eauto. destruct s; discriminate.
  - apply K, keeps_settle.
  - apply requests_cancel; auto.
  - apply K, keeps_cancel.
  - assert (Q : Requests [] (fst (on_done f k)) /\ keeps k (fst (on_done f k))).
    { unfold on_done. destruct (is_done f k).
      - split; [apply requests_frame with k; auto|apply keeps_eq; auto].
      - split; [|apply keeps_eq; auto]. simpl. apply requests_callbacks; auto. }
    destruct Q. destruct (on_done f k). eapply D; eauto.
  - unfold remove_on_done. destruct (find_future f k) as [y|]; auto. destruct (existsb _ _); auto. simpl.
    apply requests_frame with (in_future f (set_callbacks (filter (fun cb => negb (is_call c cb)) (f_callbacks y))) k); auto.
    apply requests_callbacks; auto.
  - apply K. unfold remove_on_done. destruct (find_future f k) as [y|]; [|apply keeps_refl].
    destruct (existsb _ _); [apply keeps_eq; auto|apply keeps_refl].
  - apply requests_callbacks; auto.
  - eapply D; [exact A|apply F|apply K, keeps_eq]; auto.
  - assert (Q : Requests [] (fst (take_message f k)) /\ keeps k (fst (take_message f k))).
    { unfold take_message. destruct (find_future f k) as [y|]; [|split; [auto|apply keeps_refl]].
      simpl. destruct (f_message_once y); split; auto using keeps_refl; [apply requests_callbacks; auto|apply keeps_eq; auto]. }
    destruct Q. destruct (take_message f k). eapply D; eauto.
  - assert (Q : Requests [] (fst (call_soon a0 k)) /\ keeps k (fst (call_soon a0 k)))
      by (split; [apply F; auto|apply keeps_eq; auto]).
    destruct Q. destruct (call_soon a0 k). eapply D; eauto.
  - assert (Q : Requests [] (fst (arm d a0 k)) /\ keeps k (fst (arm d a0 k)))
      by (split; [apply F; auto|apply keeps_eq; auto]).
    destruct Q. destruct (arm d a0 k). eapply D; eauto.
  - destruct (frame_cancel_call c k). apply F; auto.
  - destruct (frame_cancel_call c k). apply K, keeps_eq; auto.
  - unfold is_taken in B. simpl in B. destruct tk as [h|]; [|discriminate].
    assert (Q0 : rn = None) by (destruct X as [X|X]; [discriminate|auto]). subst rn.
    assert (Q : Requests [] (fst (begin_call c k)) /\ keeps k (fst (begin_call c k))).
    { unfold begin_call. destruct (find c (calls k)) as [x|]; [|split; [auto|apply keeps_refl]].
      set (k1 := set_calls _ k).
      assert (R1 : Requests [] k1) by (apply F; auto).
      assert (W1 : Waits None k1) by (eapply waits_same; [apply (sw_forget [c] k)|auto]).
      assert (K1 : keeps k k1) by (apply keeps_eq; auto).
      destruct (c_place x), (c_action x); simpl; split; auto;
        try (eapply requests_settle; eauto; discriminate); (eapply keeps_trans; [exact K1|apply keeps_settle]). }
    destruct Q as [Q1 Q2]. destruct (begin_call c k). injection A as <- _.
    constructor; simpl in *; auto. left; auto.
Qed.
