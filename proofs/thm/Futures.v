(** A future that is done keeps its state for as long as it is there, and every task that awaited
    it is queued: no wake-up is lost. *)
From Coq Require Import List Arith NArith Lia Bool.
From Seedloop.Spec Require Import Map Kernel Machine.
From Seedloop.Thm Require Import Lists Waits Requests.
Import ListNotations.

(** Only pending futures change their state. [gone]: futures that may be released. *)
Definition evolves (gone : future_id -> Prop) (k k' : kernel) : Prop :=
  next_future k <= next_future k' /\ forall f, f < next_future k ->
  match find f (futures k), find f (futures k') with
  | Some y, Some z => f_on_cancel z = f_on_cancel y /\ (f_state y = Pending \/ f_state z = f_state y)
  | None, Some _ => False
  | Some _, None => gone f
  | None, None => True
  end.

(** No future changes its state. *)
Definition calm (gone : future_id -> Prop) (k k' : kernel) : Prop :=
  next_future k <= next_future k' /\ forall f, f < next_future k ->
  match find f (futures k), find f (futures k') with
  | Some y, Some z => f_on_cancel z = f_on_cancel y /\ f_state z = f_state y
  | None, Some _ => False
  | Some _, None => gone f
  | None, None => True
  end.

Definition nothing : future_id -> Prop := fun _ => False.

Lemma calm_evolves g k k' : calm g k k' -> evolves g k k'.
Proof.
  intros [A B]. split; auto. intros f L. specialize (B f L).
  destruct (find f (futures k)), (find f (futures k')); auto. destruct B. auto.
Qed.
Lemma evolves_trans g a b c : evolves g a b -> evolves nothing b c -> evolves g a c.
Proof.
  intros [A1 A2] [B1 B2]. split; [lia|]. intros f L. specialize (A2 f L). specialize (B2 f ltac:(lia)).
  destruct (find f (futures a)), (find f (futures b)), (find f (futures c)); try easy; simpl in *.
  destruct A2 as [Q1 Q2], B2 as [P1 P2]. split; [congruence|]. destruct Q2; auto. destruct P2; [left|right]; congruence.
Qed.
Lemma calm_trans g a b c : calm g a b -> calm nothing b c -> calm g a c.
Proof.
  intros [A1 A2] [B1 B2]. split; [lia|]. intros f L. specialize (A2 f L). specialize (B2 f ltac:(lia)).
  destruct (find f (futures a)), (find f (futures b)), (find f (futures c)); try easy; simpl in *.
  destruct A2, B2. split; congruence.
Qed.
Lemma calm_fields g k k' : futures k' = futures k -> next_future k' = next_future k -> calm g k k'.
Proof. intros E N. split; [lia|]. intros f _. rewrite E. destruct (find f (futures k)); auto. Qed.
Lemma calm_same g k k' : same_waits k k' -> calm g k k'.
Proof.
  intros [_ F _ N _]. split; [lia|]. intros f _. specialize (F f).
  destruct (find f (futures k)), (find f (futures k')); simpl in F; try discriminate; auto.
  injection F; auto.
Qed.
Lemma calm_in_future g f h k :
  (forall y, f_state (h y) = f_state y /\ f_on_cancel (h y) = f_on_cancel y) -> calm g k (in_future f h k).
Proof.
  intro H. split; [auto|]. intros u _. simpl. rewrite find_update.
  destruct (find u (futures k)) as [y|], (f =? u); simpl; auto. destruct (H y); auto.
Qed.

(** ** Settling and cancelling *)

(** Queued tasks stay queued. *)
Definition stays (k k' : kernel) : Prop := forall t x, find t (tasks k) = Some x -> t_queued x = true ->
  exists x', find t (tasks k') = Some x' /\ t_queued x' = true.

Lemma stays_refl k : stays k k. Proof. intros t x E Q. eauto. Qed.
Lemma stays_trans a b c : stays a b -> stays b c -> stays a c.
Proof. intros A B t x E Q. destruct (A _ _ E Q) as (y & E' & Q'). eauto. Qed.
Lemma stays_tasks k k' : tasks k' = tasks k -> stays k k'.
Proof. intros E t x F Q. rewrite E. eauto. Qed.
Lemma stays_in_task t g k : (forall x, t_queued x = true -> t_queued (g x) = true) -> stays k (in_task t g k).
Proof.
  intros G u x E Q. simpl. rewrite find_update. destruct (t =? u); [|eauto]. rewrite E. simpl. eauto.
Qed.
Lemma stays_wake t k : stays k (fst (wake t k)).
Proof.
  unfold wake. destruct (find_task t k); [|apply stays_refl]. destruct (_ || _); [apply stays_refl|].
  simpl. eapply stays_trans; [apply (stays_in_task t (set_queued true)); auto|apply stays_tasks; auto].
Qed.
Lemma stays_run cbs : forall k, stays k (fold_left run_callback cbs k).
Proof.
  induction cbs as [|[t|c] cbs IH]; simpl; intro k; [apply stays_refl| |];
    (eapply stays_trans; [|apply IH]); [apply stays_wake|apply stays_tasks; auto].
Qed.

(** Who is woken is queued. *)
Lemma wake_queues t k x : find t (tasks k) = Some x -> t_ended x = false ->
  exists x', find t (tasks (fst (wake t k))) = Some x' /\ t_queued x' = true.
Proof.
  intros E L. unfold wake, find_task. rewrite E, L. simpl. destruct (t_queued x) eqn:Q; simpl; [eauto|].
  rewrite find_update, Nat.eqb_refl, E. simpl. eauto.
Qed.
Lemma ended_view k k' t x : same_waits k k' -> find t (tasks k) = Some x ->
  exists x', find t (tasks k') = Some x' /\ t_ended x' = t_ended x /\ t_awaits x' = t_awaits x.
Proof.
  intros S E. destruct (view_some _ _ _ _ _ _ (eq_sym (sw_tasks _ _ S t)) E) as (y & E' & Q).
  injection Q as _ Q1 Q2. eauto.
Qed.
Lemma run_wakes cbs t : forall k x, In (WakeTask t) cbs -> find t (tasks k) = Some x -> t_ended x = false ->
  exists x', find t (tasks (fold_left run_callback cbs k)) = Some x' /\ t_queued x' = true.
Proof.
  induction cbs as [|cb cbs IH]; simpl; intros k x I E L; [easy|]. destruct I as [->|I].
  - destruct (wake_queues t k x E L) as (x' & E' & Q). simpl. exact (stays_run cbs _ _ _ E' Q).
  - destruct (ended_view k (run_callback k cb) t x) as (x' & E' & L' & _); auto.
    { destruct cb; [apply sw_wake|apply sw_queue_call]. }
    apply (IH _ x'); auto. congruence.
Qed.

(** Awaits stay, the queued stay queued, and who awaited a future that is now done is queued. *)
Record woken (k k' : kernel) : Prop := {
  wk_tasks : forall t x, find t (tasks k) = Some x -> exists x', find t (tasks k') = Some x' /\
    t_ended x' = t_ended x /\ t_awaits x' = t_awaits x;
  wk_stays : stays k k';
  wk_evolves : evolves nothing k k';
  wk_woken : forall f y z t, find f (futures k) = Some y -> f_state y = Pending ->
    find f (futures k') = Some z -> f_state z <> Pending -> 0 < waits t f k ->
    exists x', find t (tasks k') = Some x' /\ t_queued x' = true }.

Lemma woken_same k k' : same_waits k k' -> stays k k' -> woken k k'.
Proof.
  intros S Q. constructor; auto.
  - intros t x E. exact (ended_view _ _ _ _ S E).
  - apply calm_evolves, calm_same; auto.
  - intros f y z t E P E' P' _. exfalso. pose proof (sw_futures _ _ S f) as F. rewrite E, E' in F.
    simpl in F. injection F as F _ _. congruence.
Qed.
Lemma woken_refl k : woken k k.
Proof. apply woken_same; [apply sw_refl|apply stays_refl]. Qed.
Lemma woken_trans e a b c : Waits e a -> woken a b -> woken b c -> woken a c.
Proof.
  intros W [A1 A2 A3 A4] [B1 B2 B3 B4]. constructor; eauto using stays_trans, evolves_trans.
  - intros t x E. destruct (A1 _ _ E) as (x' & E' & L1 & L2). destruct (B1 _ _ E') as (x'' & E'' & L3 & L4).
    exists x''. repeat split; congruence.
  - intros f y z t E P E' P' Q. destruct A3 as [_ A3]. specialize (A3 f (w_fresh_future _ _ W _ _ E)).
    rewrite E in A3. destruct (find f (futures b)) as [v|] eqn:F; [|destruct A3]. destruct A3 as [_ A3].
    assert (QT : exists x, find t (tasks a) = Some x)
      by (unfold waits in Q; destruct (find t (tasks a)); [eauto|lia]).
    destruct QT as (x & Ex). destruct (A1 _ _ Ex) as (x' & Ex' & _ & L).
    assert (Q' : 0 < waits t f b).
    { unfold waits, awaited in *. rewrite Ex in Q. rewrite Ex', L. auto. }
    destruct (f_state v) eqn:V.
    + eapply B4; eauto.
    + destruct (A4 f y v t E P F) as (u & Eu & Qu); auto; [congruence|]. eapply B2; eauto.
    + destruct (A4 f y v t E P F) as (u & Eu & Qu); auto; [congruence|]. eapply B2; eauto.
    + destruct (A4 f y v t E P F) as (u & Eu & Qu); auto; [congruence|]. eapply B2; eauto.
Qed.
Lemma woken_wake t k : woken k (fst (wake t k)).
Proof. apply woken_same; [apply sw_wake|apply stays_wake]. Qed.
Lemma woken_in_task t g k : (forall x, task_view (g x) = task_view x) ->
  (forall x, t_queued x = true -> t_queued (g x) = true) -> woken k (in_task t g k).
Proof. intros. apply woken_same; [apply sw_in_task|apply stays_in_task]; auto. Qed.
Lemma woken_note e k : woken k (note e k).
Proof. apply woken_same; [apply sw_note|apply stays_tasks; auto]. Qed.

Lemma awaits_lives e t f k : Waits e k -> 0 < waits t f k ->
  exists x, find t (tasks k) = Some x /\ t_ended x = false.
Proof.
  intros W Q. unfold waits in Q. destruct (find t (tasks k)) as [x|] eqn:E; [|lia]. exists x. split; auto.
  destruct (t_ended x) eqn:L; auto. unfold awaited in Q. rewrite (w_ended _ _ W _ _ E L) in Q. simpl in Q. lia.
Qed.

Lemma woken_settle e f s m once k : Waits e k -> woken k (fst (settle f s m once k)).
Proof.
  intro W. unfold settle, find_future. destruct (find f (futures k)) as [y|] eqn:E; [|apply woken_refl].
  destruct (f_state y) eqn:P; simpl; try apply woken_refl.
  set (y' := Future s [] _ _ _ _ _).
  set (k1 := if f_observed y then _ else _).
  assert (T1 : tasks k1 = tasks k) by (unfold k1; destruct (f_observed y); auto).
  assert (F1 : futures k1 = update f (fun _ => y') (futures k)) by (unfold k1; destruct (f_observed y); auto).
  assert (N1 : next_future k1 = next_future k) by (unfold k1; destruct (f_observed y); auto).
  pose proof (sw_run (f_callbacks y) k1) as S.
  assert (EV : evolves nothing k (fold_left run_callback (f_callbacks y) k1)).
  { apply evolves_trans with k1; [|apply calm_evolves, calm_same, S].
    split; [lia|]. intros g L. rewrite F1, find_update. destruct (Nat.eqb_spec f g).
    - subst. rewrite E. simpl. auto.
    - destruct (find g (futures k)); auto. }
  constructor; auto.
  - intros t x F. rewrite <- T1 in F. exact (ended_view _ _ _ _ S F).
  - eapply stays_trans; [|apply stays_run]. apply stays_tasks; auto.
  - intros g u z t F Q F' Q' C. pose proof (sw_futures _ _ S g) as V. rewrite F', F1, find_update in V.
    destruct (Nat.eqb_spec f g).
    + subst g. rewrite E in F. injection F as <-.
      destruct (awaits_lives _ _ _ _ W C) as (x & Ex & L). rewrite <- T1 in Ex.
      eapply run_wakes; eauto. rewrite <- (w_count _ _ W t f y E P) in C.
      apply count_pos in C as ([v|c] & I & C); [|discriminate]. simpl in C. apply Nat.eqb_eq in C. subst; auto.
    + rewrite F in V. simpl in V. injection V as V _ _. congruence.
Qed.

Section Cancel.
Variable cf : list task_id -> message -> kernel -> future_id -> kernel * bool.
Hypothesis IHw : forall path m k f, Waits None k -> Waits None (fst (cf path m k f)).
Hypothesis IHm : forall path m k f, Waits None k -> woken k (fst (cf path m k f)).

Lemma woken_refuse path m l : forall c, Waits None (fst c) ->
  woken (fst c) (fst (fold_left (refuse_or cf path m) l c)).
Proof.
  induction l as [|on l IHl]; simpl; intros [k b] W; [apply woken_refl|].
  destruct on as [f|]; simpl; [|apply (IHl (k, true)); auto].
  specialize (IHm path m k f W). specialize (IHw path m k f W). destruct (cf path m k f) as [k1 taken].
  eapply woken_trans; [exact W|exact IHm|]. apply (IHl (k1, b || negb taken)); auto.
Qed.
Lemma woken_any path m l : forall c, Waits None (fst c) ->
  woken (fst c) (fst (fold_left (any_or cf path m) l c)).
Proof.
  induction l as [|f l IHl]; simpl; intros [k b] W; [apply woken_refl|]. simpl.
  specialize (IHm path m k f W). specialize (IHw path m k f W). destruct (cf path m k f) as [k1 taken].
  eapply woken_trans; [exact W|exact IHm|]. apply (IHl (k1, b || taken)); auto.
Qed.
Lemma woken_tell path m t k : Waits None k -> woken k (tell_with cf path m t k).
Proof.
  intro W. unfold tell_with. destruct (find_task t k) as [x|]; [|apply woken_refl].
  match goal with |- context[fold_left ?g ?l ?c] => pose proof (woken_refuse (t :: path) m l c W) as H;
    pose proof (waits_refuse cf IHw (t :: path) m l c W) as W1 end.
  destruct (fold_left _ _ _) as [k1 refused]. simpl in H, W1. destruct refused; auto.
  eapply woken_trans; [exact W|exact H|].
  assert (Q : woken k1 (in_task t (set_must_cancel (Some m)) k1)) by (apply woken_in_task; auto).
  destruct (awaits_closing x k1); auto.
  eapply woken_trans; [exact W1|exact Q|apply woken_wake].
Qed.
Lemma woken_cancel_task path m t k : Waits None k -> woken k (fst (cancel_task_with cf path m t k)).
Proof.
  intro W. unfold cancel_task_with. destruct (find_task t k) as [x|]; [|apply woken_refl].
  destruct (_ || _); [apply woken_refl|]. set (k1 := note _ _).
  assert (SW : same_waits k k1) by (eapply sw_trans; [apply sw_in_task|apply sw_note]; auto).
  assert (Q : woken k k1).
  { apply woken_same; auto. eapply stays_trans;
      [apply (stays_in_task t (fun x => set_cancels (S (t_cancels x)) x)); auto|apply stays_tasks; auto]. }
  assert (W1 : Waits None k1) by (eapply waits_same; eauto).
  destruct (t_running x); simpl; (eapply woken_trans; [exact W|exact Q|]);
    [apply woken_in_task; auto|apply woken_tell; auto].
Qed.
End Cancel.

Lemma woken_cancel fuel : forall path m k f, Waits None k -> woken k (fst (cancel_future fuel path m k f)).
Proof.
  induction fuel as [|fuel IH]; simpl; intros path m k f W; [apply woken_refl|].
  destruct (find_future f k) as [y|]; [|apply woken_refl].
  destruct (f_state y); try apply woken_refl. destruct (f_on_cancel y).
  - eapply woken_settle; eauto.
  - apply woken_cancel_task; auto. intros; apply waits_cancel_future; auto.
  - pose proof (woken_any _ (fun p m k f => waits_cancel_future fuel p m k f) IH path m fs (k, false) W) as H.
    destruct (fold_left _ fs (k, false)) as [k1 any]. simpl in *. destruct any; auto.
    eapply woken_trans; [exact W|exact H|]. apply woken_same; [apply sw_in_future|apply stays_tasks]; auto.
Qed.

(** ** Every operation *)

(** Who awaited a future that is now done is queued, unless it has ended. *)
Definition wakes (k k' : kernel) : Prop := forall f y z t,
  find f (futures k) = Some y -> f_state y = Pending ->
  find f (futures k') = Some z -> f_state z <> Pending -> 0 < waits t f k ->
  exists x, find t (tasks k') = Some x /\ (t_ended x = true \/ t_queued x = true).

Definition settles (gone : future_id -> Prop) k k' : Prop := evolves gone k k' /\ wakes k k'.

Lemma settles_woken g k k' : woken k k' -> settles g k k'.
Proof.
  intros [_ _ E W]. split.
  - destruct E as [A B]. split; auto. intros f L. specialize (B f L).
    destruct (find f (futures k)), (find f (futures k')); auto. destruct B.
  - intros f y z t E1 P E2 Q C. destruct (W f y z t E1 P E2 Q C) as (x & Ex & Qx). eauto.
Qed.
Lemma settles_calm e g k k' : Waits e k -> calm g k k' -> settles g k k'.
Proof.
  intros W C. split; [apply calm_evolves; auto|]. intros f y z t E P E' P' _. exfalso.
  destruct C as [_ C]. specialize (C f (w_fresh_future _ _ W _ _ E)). rewrite E, E' in C. destruct C. congruence.
Qed.

Lemma calm_remove_wakes g t l k : calm g k (remove_wakes t l k).
Proof.
  split; [destruct (removed_rest t l k) as (_ & _ & _ & ->); auto|]. intros f _.
  pose proof (removed_future t l k f) as H.
  destruct (find f (futures k)), (find f (futures (remove_wakes t l k))); auto; try contradiction.
  destruct H as (A & B & _). auto.
Qed.

Lemma settles_end_step g t e k : Waits None k -> (forall x, find t (tasks k) = Some x -> t_ended x = false) ->
  settles g k (end_step t e k).
Proof.
  intros W D. unfold end_step, find_task. destruct (find t (tasks k)) as [x|] eqn:E;
    [|apply settles_woken, woken_refl].
  specialize (D x eq_refl).
  set (k1 := if t_told_taken x then _ else k).
  assert (S1 : same_waits k k1) by (unfold k1; destruct (t_told_taken x); [apply sw_note|apply sw_refl]).
  assert (T1 : tasks k1 = tasks k) by (unfold k1; destruct (t_told_taken x); auto).
  assert (W1 : Waits None k1) by (eapply waits_same; eauto).
  assert (K1 : woken k k1) by (apply woken_same; auto; apply stays_tasks; auto).
  destruct e as [|e].
  - apply settles_woken. eapply woken_trans; [exact W|exact K1|].
    set (g0 := fun _ : task => _). set (k2 := in_task t g0 k1).
    assert (S2 : same_waits k1 k2).
    { constructor; simpl; eauto. intro u. rewrite find_update, T1. destruct (Nat.eqb_spec t u); auto. subst.
      rewrite E. unfold task_view. simpl. congruence. }
    assert (K2 : woken k1 k2).
    { apply woken_same; auto. intros u z F Q. simpl. rewrite find_update. destruct (Nat.eqb_spec t u); [|eauto].
      subst. rewrite F. simpl. rewrite T1, E in F. injection F as <-. eauto. }
    assert (W2 : Waits None k2) by (eapply waits_same; eauto).
    set (k3 := match asked x with Some m => _ | None => _ end).
    assert (K3 : woken k2 k3).
    { unfold k3. destruct (asked x); [|apply woken_refl]. apply woken_tell; auto; intros;
        [apply waits_cancel_future|apply woken_cancel]; auto. }
    eapply woken_trans; [exact W1|exact K2|]. destruct (t_aborted x); auto.
    eapply woken_trans; [exact W2|exact K3|apply woken_wake].
  - destruct (outcome e (asked x)) as [[s m] once].
    set (g0 := fun _ : task => _).
    change (fold_left _ (awaited x) ?k) with (remove_wakes t (awaited x) k).
    assert (E1 : find t (tasks k1) = Some x) by congruence.
    pose proof (waits_ending t x g0 k1 W1 E1 D eq_refl eq_refl eq_refl) as W2.
    set (k2 := in_task t g0 k1) in *. set (k3 := remove_wakes t (awaited x) k2) in *.
    pose proof (removed_rest t (awaited x) k2) as (R1 & _). fold k3 in R1.
    assert (C3 : calm nothing k k3).
    { eapply calm_trans; [apply calm_same; exact S1|]. eapply calm_trans; [|apply calm_remove_wakes].
      apply calm_fields; auto. }
    pose proof (woken_settle (Some t) (t_future x) s m once k3 W2) as [V1 V2 V3 V4].
    set (k4 := fst (settle (t_future x) s m once k3)) in *.
    split.
    + apply evolves_trans with k3; auto. apply calm_evolves. destruct C3 as [A B]. split; auto.
      intros f L. specialize (B f L). destruct (find f (futures k)), (find f (futures k3)); auto. destruct B.
    + intros f y z u F P F' P' C. destruct C3 as [_ C3]. specialize (C3 f (w_fresh_future _ _ W _ _ F)).
      rewrite F in C3. destruct (find f (futures k3)) as [v|] eqn:F3; [|destruct C3]. destruct C3 as [_ C3].
      destruct (Nat.eq_dec u t) as [->|N].
      * destruct (V1 t (g0 x)) as (x' & Ex' & L & _).
        { rewrite R1. simpl. rewrite find_update, Nat.eqb_refl, E1. auto. }
        exists x'. split; auto.
      * destruct (V4 f v z u F3) as (x' & Ex' & Q); auto; [congruence| |eauto].
        unfold waits in *. rewrite R1. simpl. rewrite find_update.
        destruct (Nat.eqb_spec t u); [congruence|]. rewrite T1. auto.
Qed.

Lemma calm_release (g : future_id -> Prop) f k : g f -> calm g k (fst (future_release f k)).
Proof.
  intro G. unfold future_release, find_future. destruct (find f (futures k)) eqn:E; [|apply calm_fields; auto].
  simpl. split; auto. intros u _. simpl. rewrite find_remove. destruct (Nat.eqb_spec f u).
  - subst. rewrite E. auto.
  - destruct (find u (futures k)); auto.
Qed.
Lemma calm_new g rule k : calm g k (fst (future_new rule k)).
Proof.
  split; simpl; auto. intros f L. destruct (Nat.eqb_spec f (next_future k)); [lia|].
  destruct (find f (futures k)); auto.
Qed.

Theorem settles_apply m o m' a : apply m o = Some (m', a) -> Alive m ->
  settles (released o (kern m)) (kern m) (kern m').
Proof.
  intros A [W R N X].
  assert (RL : forall t x, running m = Some t -> find t (tasks (kern m)) = Some x -> t_ended x = false).
  { intros t x Q E. destruct (r_lives _ _ N t Q) as (y & Ey & L). congruence. }
  destruct m as [k tk rn]. simpl in *.
  assert (WH : forall b r, when b r = Some (m', a) -> b = true /\ r = Some (m', a))
    by (unfold when; intros [] r Q; [auto|discriminate]).
  assert (D : forall g (c : kernel * answer), same (Machine k tk rn) c = Some (m', a) ->
    settles g k (fst c) -> settles g k (kern m')).
  { intros g c Q Hc. unfold same in Q. injection Q as <- _. auto. }
  assert (S : forall g k', same_waits k k' -> settles g k k').
  { intros g k' Q. eapply settles_calm; eauto. apply calm_same; auto. }
  assert (C : forall g k', calm g k k' -> settles g k k') by (intros; eapply settles_calm; eauto).
  assert (K : forall g k', woken k k' -> settles g k k') by (intros; apply settles_woken; auto).
  assert (RN : forall t, is_running t (Machine k tk rn) = true -> rn = Some t).
  { intros t Q. unfold is_running in Q. simpl in Q. destruct rn; [|discriminate].
    apply Nat.eqb_eq in Q. subst. auto. }
  destruct o; cbn [apply kern taken running] in A; try (apply WH in A as [B A]);
    try (match type of A with plain _ _ = _ => idtac | with_bool _ _ = _ => idtac end;
         eapply D; [exact A|]); cbn [fst snd].
  - pose proof (fun g => S g _ (sw_begin_iteration k)). destruct (begin_iteration k). eapply D; eauto.
  - apply S, sw_fields; auto.
  - apply S, sw_slip.
  - apply S, sw_fields; auto.
  - apply S, sw_fields; auto.
  - destruct (take index k) as [[k' h]|] eqn:T; [|discriminate]. injection A as <- _. simpl.
    eapply S, sw_take; eauto.
  - set (g := released _ _). assert (Q : calm g k (fst (spawn k))).
    { unfold spawn. pose proof (calm_new g (OfTask (next_task k)) k) as Q.
      destruct (future_new (OfTask (next_task k)) k) as [k1 f]. simpl in *.
      eapply calm_trans; [exact Q|]. eapply calm_trans; [|apply calm_same, sw_wake]. apply calm_fields; auto. }
    destruct (spawn k) as [? [? ?]]. eapply D; eauto.
  - apply S, sw_wake.
  - pose proof (fun g => S g _ (sw_begin_step t k)). destruct (begin_step t k). injection A as <- _. apply H.
  - injection A as <- _. simpl. apply settles_end_step; auto. intros x. apply RL, RN; auto.
  - set (g := released _ _). assert (Q : calm g k (fst (poll_await t on since k))).
    { unfold poll_await. destruct (find_task t k) as [x|]; [|apply calm_fields; auto]. destruct since as [n|]; simpl.
      - destruct (n <? t_step x); [destruct (t_told x)|]; simpl;
          repeat match goal with |- context[if ?b then _ else _] => destruct b; simpl end; apply calm_fields; auto.
      - destruct (match on with Some f => _ | None => _ end); simpl; [|apply calm_fields; auto].
        set (k1 := in_task t _ k). apply (calm_trans g k k1); [apply calm_fields; auto|].
        destruct on; [apply calm_in_future; auto|apply calm_same, sw_wake]. }
    destruct (poll_await t on since k) as [? [? ?]]. eapply D; eauto.
  - apply C. unfold end_await. destruct (find_task t k) as [x|]; [|apply calm_fields; auto].
    destruct (existsb _ _); [|apply calm_fields; auto].
    set (k1 := in_task t _ k). set (k2 := match on with Some f => _ | None => _ end).
    set (g := released _ _). assert (Q : calm g k k2).
    { apply (calm_trans g k k1); [apply calm_fields; auto|]. unfold k2.
      destruct on; [apply calm_in_future; auto|apply calm_fields; auto]. }
    destruct (_ && _); auto. eapply calm_trans; [exact Q|apply calm_same, sw_wake].
  - apply S, sw_abort.
  - pose proof (fun g => S g _ (sw_uncancel t k)). destruct (uncancel t k). eapply D; eauto.
  - apply S, sw_in_task. auto.
  - apply K, woken_cancel_task; auto; intros; [apply waits_cancel_future|apply woken_cancel]; auto.
  - apply C. unfold task_release. destruct (find_task t k) as [x|] eqn:E; [|apply calm_fields; auto].
    apply (calm_release (released (OTaskRelease t) k) (t_future x) (set_tasks (remove t (tasks k)) k)).
    right. eauto.
  - set (g := released _ _). pose proof (calm_new g rule k) as Q. destruct (future_new rule k). eapply D; eauto.
  - set (g := released _ _). assert (Q : calm g k (fst (future_release f k))) by (apply calm_release; left; auto).
    destruct (future_release f k). eapply D; eauto.
  - apply K. eapply woken_settle; eauto.
  - apply K, woken_cancel; auto.
  - set (g := released _ _). assert (Q : calm g k (fst (on_done f k))).
    { unfold on_done. destruct (is_done f k); [apply calm_fields; auto|]. simpl.
      eapply calm_trans; [|apply calm_in_future; auto]. apply calm_fields; auto. }
    destruct (on_done f k). eapply D; eauto.
  - apply C. unfold remove_on_done. destruct (find_future f k) as [y|]; [|apply calm_fields; auto].
    destruct (existsb _ _); [|apply calm_fields; auto]. simpl.
    eapply calm_trans with (in_future f (set_callbacks (filter (fun cb => negb (is_call c cb)) (f_callbacks y))) k);
      [apply calm_in_future; auto|apply calm_fields; auto].
  - apply S, sw_in_future. auto.
  - eapply D; [exact A|]. apply S, sw_fields; auto.
  - pose proof (fun g => S g _ (sw_take_message f k)). destruct (take_message f k). eapply D; eauto.
  - set (g := released _ _). assert (Q : calm g k (fst (call_soon a0 k))) by (apply calm_fields; auto).
    destruct (call_soon a0 k). eapply D; eauto.
  - set (g := released _ _). assert (Q : calm g k (fst (arm d a0 k))) by (apply calm_fields; auto).
    destruct (arm d a0 k). eapply D; eauto.
  - apply S, sw_cancel_call.
  - set (g := released _ _). assert (Q : settles g k (fst (begin_call c k))).
    { unfold begin_call. destruct (find c (calls k)) as [x|]; [|apply K, woken_refl].
      pose proof (sw_forget [c] k) as S1. simpl in S1. set (k1 := set_calls _ k) in *.
      assert (W1 : Waits None k1) by (eapply waits_same; eauto).
      assert (K1 : woken k k1) by (apply woken_same; auto; apply stays_tasks; auto).
      destruct (c_place x), (c_action x); simpl; apply K; auto;
        (eapply woken_trans; [exact W|exact K1|eapply woken_settle; eauto]). }
    destruct (begin_call c k). injection A as <- _. auto.
Qed.
