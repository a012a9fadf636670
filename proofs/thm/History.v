(** Handles join and leave: wakes are conserved, nothing that is ready is lost, and without choices
    the order is first in, first out. *)
From Coq Require Import List Arith NArith Lia Bool Permutation.
From Seedloop.Spec Require Import Map Kernel Machine.
From Seedloop.Thm Require Import Lists Closure.
Import ListNotations.

Definition is_take (e : event) : Prop := match e with ETake _ => True | _ => False end.

(** Nothing is taken; what joins, joins at the end. *)
Definition adds (k k' : kernel) : Prop :=
  exists es, history k' = es ++ history k /\ Forall (fun e => ~ is_take e) es /\
             ready k' = ready k ++ pushed es.

Lemma pushed_app a b : pushed (a ++ b) = pushed b ++ pushed a.
Proof. induction a as [|[] a IH]; simpl; rewrite ?app_nil_r, ?IH, ?app_assoc; auto. Qed.
Lemma took_app a b : took (a ++ b) = took b ++ took a.
Proof. induction a as [|[] a IH]; simpl; rewrite ?app_nil_r, ?IH, ?app_assoc; auto. Qed.
Lemma took_none es : Forall (fun e => ~ is_take e) es -> took es = [].
Proof. induction 1 as [|[] es N _ IH]; simpl; auto. exfalso. apply N. simpl. auto. Qed.

Lemma adds_refl k : adds k k.
Proof. exists []. simpl. rewrite app_nil_r. auto. Qed.
Lemma adds_trans a b c : adds a b -> adds b c -> adds a c.
Proof.
  intros (e1 & H1 & F1 & R1) (e2 & H2 & F2 & R2). exists (e2 ++ e1). repeat split.
  - rewrite H2, H1, app_assoc. auto.
  - apply Forall_app; auto.
  - rewrite R2, R1, pushed_app, app_assoc. auto.
Qed.
Lemma adds_frame k k' : history k' = history k -> ready k' = ready k -> adds k k'.
Proof. intros H R. exists []. rewrite H, R. simpl. rewrite app_nil_r. auto. Qed.
Lemma adds_note e k : ~ is_take e -> (forall h, e <> EPush h) -> adds k (note e k).
Proof.
  intros N P. exists [e]. simpl. repeat split; auto.
  destruct e; simpl; rewrite ?app_nil_r; auto. exfalso. eapply P; eauto.
Qed.
Lemma adds_push h k : adds k (push h k).
Proof. exists [EPush h]. simpl. repeat split; auto. Qed.

Ltac frame := apply adds_frame; reflexivity.

Lemma adds_queue_call c k : adds k (queue_call c k).
Proof. eapply adds_trans; [|apply adds_push]. frame. Qed.
Lemma adds_fire l : forall k, adds k (fold_left fire l k).
Proof.
  induction l as [|w l IH]; simpl; intro k; [apply adds_refl|]. eapply adds_trans; [|apply IH].
  unfold fire. eapply adds_trans; [|apply adds_queue_call]. apply adds_note; [simpl; auto|discriminate].
Qed.
Lemma adds_collect k : adds k (collect_due k).
Proof. unfold collect_due. destruct (due _ _). eapply adds_trans; [|apply adds_fire]. frame. Qed.
Lemma adds_begin_iteration k : adds k (fst (begin_iteration k)).
Proof.
  unfold begin_iteration. set (k1 := set_iteration _ k).
  assert (C : forall k2, adds k k2 -> adds k (set_batch (length (ready (collect_due k2))) (collect_due k2))).
  { intros k2 A. eapply adds_trans; [exact A|]. eapply adds_trans; [apply adds_collect|frame]. }
  assert (adds k k1) by frame.
  destruct (ready k1), (stopping k1), (next_deadline k1); simpl; try (destruct (time_ltb _ _)); simpl; auto;
    apply C; auto; (eapply adds_trans; [eassumption|frame]).
Qed.
Lemma adds_slip k : adds k (fst (slip k)).
Proof.
  unfold slip. destruct (next_deadline k); [|apply adds_refl]. destruct (time_ltb _ _); [|apply adds_refl].
  simpl. eapply adds_trans; [|apply adds_collect]. frame.
Qed.
Lemma adds_cancel_call c k : adds k (fst (cancel_call c k)).
Proof. unfold cancel_call. destruct (find c (calls k)) as [x|]; [|apply adds_refl]. destruct (c_place x); try apply adds_refl; frame. Qed.

(** Every operation but a take only adds. *)
Lemma apply_adds m o m' a : apply m o = Some (m', a) -> (forall i, o <> OTake i) ->
  adds (kern m) (kern m').
Proof.
  intros A NT. destruct (timeless o) eqn:T.
  { eapply r_apply; eauto using adds_refl, adds_trans, adds_push.
    - intros; apply adds_frame; auto.
    - intros e k S. apply adds_note; destruct e; simpl; auto; discriminate. }
  destruct m as [k tk rn].
  assert (WH : forall b r, when b r = Some (m', a) -> b = true /\ r = Some (m', a))
    by (unfold when; intros [] r Q; [auto|discriminate]).
  assert (D : forall (c : kernel * answer), same (Machine k tk rn) c = Some (m', a) ->
    adds k (fst c) -> adds k (kern m')).
  { intros c Q Rc. unfold same in Q. injection Q as <- _. auto. }
  destruct o; try discriminate T; cbn [apply kern taken running] in A; try (apply WH in A as [B A]);
    cbn [fst snd kern].
  - pose proof (adds_begin_iteration k). destruct (begin_iteration k). eapply D; eauto.
  - eapply D; [exact A|apply adds_slip].
  - eapply D; [exact A|frame].
  - exfalso. eapply NT; eauto.
  - assert (adds k (fst (arm d a0 k))) by frame. destruct (arm d a0 k). eapply D; eauto.
  - eapply D; [exact A|apply adds_cancel_call].
Qed.

(** A take takes the [i]th ready handle and leaves the others as they are. *)
Lemma apply_take m i m' a : apply m (OTake i) = Some (m', a) -> exists h l r,
  ready (kern m) = l ++ h :: r /\ length l = i /\ ready (kern m') = l ++ r /\
  a = AHandle h /\ history (kern m') = ETake h :: history (kern m).
Proof.
  destruct m as [k tk rn]. cbn [apply kern taken running]. unfold when. destruct (_ && _); [|discriminate].
  unfold take. destruct (nth_error (ready k) i) as [h|] eqn:E; [|discriminate]. intro A. injection A as <- <-.
  destruct (remove_nth_split _ _ _ _ E) as (l & r & R1 & R2 & L). exists h, l, r. simpl. auto.
Qed.

(** ** What is proved of every accepted run *)

Lemma conserved_apply m o m' a : apply m o = Some (m', a) -> conserved (kern m) -> conserved (kern m').
Proof.
  intros A C. destruct (match o with OTake i => inl i | _ => inr tt end) as [i|] eqn:O.
  - destruct o; try discriminate. injection O as ->. apply apply_take in A as (h & l & r & R & _ & R' & _ & H).
    unfold conserved in *. rewrite H, R'. rewrite R in C. simpl. rewrite C, <- !app_assoc. apply Permutation_app_head.
    simpl. rewrite <- Permutation_middle. auto.
  - apply apply_adds in A as (es & H & N & R); [|intros i ->; discriminate].
    unfold conserved in *. rewrite H, R, pushed_app, took_app, (took_none _ N), app_nil_r, app_assoc.
    apply Permutation_app_tail. auto.
Qed.

Lemma fifo_apply m o m' a : apply m o = Some (m', a) -> first_only o -> fifo (kern m) -> fifo (kern m').
Proof.
  intros A F C. destruct (match o with OTake i => inl i | _ => inr tt end) as [i|] eqn:O.
  - destruct o; try discriminate. injection O as ->. pose proof (F i eq_refl) as Z.
    apply apply_take in A as (h & l & r & R & L & R' & _ & H). rewrite Z in L.
    destruct l; [|discriminate]. unfold fifo in *. rewrite H, R'. rewrite R in C. simpl in *.
    rewrite C, <- app_assoc. auto.
  - apply apply_adds in A as (es & H & N & R); [|intros i ->; discriminate].
    unfold fifo in *. rewrite H, R, pushed_app, took_app, (took_none _ N), app_nil_r, app_assoc. congruence.
Qed.

(** Nothing that is ready is disabled: it stays, in its order, until it is taken. *)
Theorem ready_stays m o m' a h : apply m o = Some (m', a) -> In h (ready (kern m)) ->
  In h (ready (kern m')) \/ a = AHandle h.
Proof.
  intros A I. destruct (match o with OTake i => inl i | _ => inr tt end) as [i|] eqn:O.
  - destruct o; try discriminate. injection O as ->. apply apply_take in A as (g & l & r & R & _ & R' & -> & _).
    rewrite R in I. rewrite R'. apply in_app_iff in I as [I|[->|I]]; rewrite ?in_app_iff; auto.
  - apply apply_adds in A as (es & _ & _ & R); [|intros i ->; discriminate]. left. rewrite R, in_app_iff. auto.
Qed.

(** ** The waiters of one future *)

Lemma run_in_order cbs : forall k, exists l, ready (fold_left run_callback cbs k) = ready k ++ l /\
  subsequence l (map handle_of cbs) /\ (forall c, In (RunCall c) cbs -> In (Call c) l).
Proof.
  induction cbs as [|cb cbs IH]; simpl; intro k.
  - exists []. rewrite app_nil_r. repeat split; [constructor|tauto].
  - destruct (IH (run_callback k cb)) as (l & E & S & C). rewrite E. destruct cb as [t|c]; simpl.
    + unfold wake. destruct (find_task t k) as [x|]; [destruct (_ || _)|]; simpl.
      * exists l. repeat split; [apply sub_skip; auto|]. intros c [Q|I]; [discriminate|auto].
      * exists (Step t :: l). rewrite <- app_assoc. repeat split; [apply sub_keep; auto|].
        intros c [Q|I]; [discriminate|right; auto].
      * exists l. repeat split; [apply sub_skip; auto|]. intros c [Q|I]; [discriminate|auto].
    + exists (Call c :: l). rewrite <- app_assoc. repeat split; [apply sub_keep; auto|].
      intros d [Q|I]; [injection Q as ->; left; auto|right; auto].
Qed.

(** The callbacks and waiters of a future join in the order in which they were registered. *)
Theorem settle_in_order f s m once k y : find_future f k = Some y -> f_state y = Pending ->
  exists l, ready (fst (settle f s m once k)) = ready k ++ l /\
    subsequence l (map handle_of (f_callbacks y)) /\
    (forall c, In (RunCall c) (f_callbacks y) -> In (Call c) l).
Proof.
  intros E P. unfold settle. rewrite E, P. simpl.
  match goal with |- context[fold_left run_callback ?l ?k1] =>
    destruct (run_in_order l k1) as (l' & R & S & C); exists l'; rewrite R end.
  destruct (f_observed y); auto.
Qed.
