(** A run of a program without effects says what the program means, whatever the schedule. *)
From Coq Require Import List Arith NArith Lia Bool Permutation.
From Seedloop.Spec Require Import Map Kernel Machine Program Plain.
From Seedloop.Thm Require Import Lists Theorems Calm Programs.
Import ListNotations.

(** * The rest of a coroutine *)

(** No cancellation: neither raised nor handled. *)
Definition sound (r : result) : Prop :=
  match r with Bad e => e_kind e <> cancelled_error | Good _ => True end.
Definition good_flow (o : flow) : Prop :=
  match o with Threw e => e_kind e <> cancelled_error | _ => True end.
Definition all_plain (l : list stmt) : Prop := forallb plain_stmt l = true.
Definition plain_frame (f : frame) : Prop :=
  match f with
  | FSeq l | FRepeat _ l | FGuard l => all_plain l
  | FTry hs els fin =>
      forallb (fun h => forallb plain_stmt (snd h)) hs = true /\ all_plain els /\ all_plain fin
  | FHandler e => e_kind e <> cancelled_error
  | FFinally o => good_flow o
  | FEnter _ | FCall _ | FAwaited _ | FBegin _ _ => True
  end.

Section Resume.
Variable p : program.

(** What the frames may say, and give, if they go on with [o]. *)
Fixpoint resume (fs : list frame) (o : flow) (t : list said) (r : result) : Prop :=
  match fs with
  | [] => t = [] /\ r = returned o
  | f :: fs =>
      let e := handled fs in
      match f, o with
      | FSeq l, Next => exists t1 o1 t2, does_all p e l t1 o1 /\ resume fs o1 t2 r /\ t = t1 ++ t2
      | FRepeat n b, Next => exists t1 o1 t2,
          repeats p e n b t1 o1 /\ resume fs o1 t2 r /\ t = t1 ++ t2
      | FTry hs els fin, _ => exists t1 o1 t2 o2 t3, handles p e hs els o t1 o1 /\
          finishes p e fin o1 t2 o2 /\ resume fs o2 t3 r /\ t = t1 ++ t2 ++ t3
      | FGuard fin, _ => exists t1 o1 t2,
          finishes p e fin o t1 o1 /\ resume fs o1 t2 r /\ t = t1 ++ t2
      | FFinally before, Next => resume fs before t r
      | FEnter c, Next => exists t1 o1 t2, does_all p e (body_of c p) t1 o1 /\
          resume fs (throwing (returned o1)) t2 r /\
          t = Entered c :: t1 ++ end_said c (returned o1) :: t2
      | FCall c, _ => exists t1, resume fs (throwing (returned o)) t1 r /\
          t = end_said c (returned o) :: t1
      | FAwaited k, Threw e => exists t1, resume fs o t1 r /\ t = Err k e :: t1
      | FAwaited k, _ => exists t1, resume fs Next t1 r /\
          t = Ok k (match o with Value v => v | _ => VNone end) :: t1
      | FBegin _ v, Next => resume fs (Value v) t r
      | _, _ => resume fs o t r
      end
  end.

Lemma resume_seq s t l fs o u r : does p (handled fs) s t o -> resume (FSeq l :: fs) o u r ->
  resume (FSeq (s :: l) :: fs) Next (t ++ u) r.
Proof.
  intros D R. destruct o; simpl in *.
  - destruct R as (t1 & o1 & t2 & A & R & ->). exists (t ++ t1), o1, t2. rewrite app_assoc.
    split; auto. eapply all_next; eauto.
  - exists t, (Value v), u. split; auto. apply all_stop; auto. discriminate.
  - exists t, (Leave v), u. split; auto. apply all_stop; auto. discriminate.
  - exists t, (Threw e), u. split; auto. apply all_stop; auto. discriminate.
Qed.
Lemma resume_await a t l fs q u r : gives p (handled fs) a t q ->
  resume (FAwaited (kind_of a) :: FSeq l :: fs) (throwing q) u r ->
  resume (FSeq (Do a :: l) :: fs) Next (t ++ u) r.
Proof.
  intros G R. assert (Q : exists v, resume (FSeq l :: fs) (after_await q) v r /\
    u = awaited_said (kind_of a) q :: v) by (destruct q; exact R).
  destruct Q as (v & Q & ->).
  replace (t ++ awaited_said (kind_of a) q :: v) with ((t ++ [awaited_said (kind_of a) q]) ++ v)
    by (rewrite <- app_assoc; auto).
  apply resume_seq with (after_await q); auto. apply does_await; auto.
Qed.
Lemma resume_coro c l fs u r : resume (FEnter c :: FAwaited KCoro :: FSeq l :: fs) Next u r ->
  resume (FSeq (Do (AwCoro c) :: l) :: fs) Next u r.
Proof.
  intros (t & o & u2 & D & R & ->).
  replace (Entered c :: t ++ end_said c (returned o) :: u2) with
    ((Entered c :: t ++ [end_said c (returned o)]) ++ u2) by (simpl; rewrite <- app_assoc; auto).
  apply (resume_await (AwCoro c) _ l fs (returned o) u2 r); auto. apply gives_coro. exact D.
Qed.
Lemma resume_sleep d v l fs u r : resume (FBegin d v :: FAwaited KSleep :: FSeq l :: fs) Next u r ->
  resume (FSeq (Do (AwSleep d v) :: l) :: fs) Next u r.
Proof.
  intro R. apply (resume_await (AwSleep d v) [] l fs (Good v) u r); auto. apply gives_sleep.
Qed.
Lemma resume_enter c fs u r : resume (FSeq (body_of c p) :: FCall c :: fs) Next u r ->
  resume (FEnter c :: fs) Next (Entered c :: u) r.
Proof.
  intros (t1 & o & t2 & D & R & ->).
  assert (Q : exists t3, resume fs (throwing (returned o)) t3 r /\
    t2 = end_said c (returned o) :: t3)
    by (destruct o; exact R).
  destruct Q as (t3 & Q & ->). exists t1, o, t3. auto.
Qed.
Lemma resume_try b hs els fin l fs u r :
  resume (FSeq b :: FTry hs els fin :: FSeq l :: fs) Next u r ->
  resume (FSeq (Try b hs els fin :: l) :: fs) Next u r.
Proof.
  intros (t1 & o1 & u1 & D & (t2 & o2 & t3 & o3 & t4 & H & F & R & ->) & ->).
  replace (t1 ++ t2 ++ t3 ++ t4) with ((t1 ++ t2 ++ t3) ++ t4) by (rewrite <- !app_assoc; auto).
  apply resume_seq with o3; auto. eapply does_try; eauto.
Qed.
Lemma resume_repeat n b l fs u r : resume (FRepeat n b :: FSeq l :: fs) Next u r ->
  resume (FSeq (Repeat n b :: l) :: fs) Next u r.
Proof.
  intros (t1 & o & u1 & D & R & ->). apply resume_seq with o; auto. apply does_repeat. auto.
Qed.
Lemma resume_again n b fs u r : resume (FSeq b :: FRepeat n b :: fs) Next u r ->
  resume (FRepeat (S n) b :: fs) Next u r.
Proof.
  intros (t1 & o & u1 & D & R & ->). simpl in D. destruct o.
  - destruct R as (t2 & o & u2 & D' & R & ->). exists (t1 ++ t2), o, u2. rewrite app_assoc.
    split; auto. apply repeats_more; auto.
  - exists t1, (Value v), u1. split; auto. apply repeats_stop; auto. discriminate.
  - exists t1, (Leave v), u1. split; auto. apply repeats_stop; auto. discriminate.
  - exists t1, (Threw e), u1. split; auto. apply repeats_stop; auto. discriminate.
Qed.
Lemma resume_enough b fs u r : resume fs Next u r -> resume (FRepeat 0 b :: fs) Next u r.
Proof. intro R. exists [], Next, u. split; auto. apply repeats_none. Qed.
Lemma resume_else hs els fin fs u r : resume (FSeq els :: FGuard fin :: fs) Next u r ->
  resume (FTry hs els fin :: fs) Next u r.
Proof.
  intros (t1 & o1 & u1 & D & (t2 & o2 & u2 & F & R & ->) & ->).
  exists t1, o1, t2, o2, u2. repeat split; auto. apply handles_none. auto.
Qed.
Lemma resume_caught e b hs els fin fs u r : catching (e_kind e) hs = Some b ->
  resume (FSeq b :: FHandler e :: FGuard fin :: fs) Next u r ->
  resume (FTry hs els fin :: fs) (Threw e) (Excepted e :: u) r.
Proof.
  intros C (t1 & o & u1 & D & R & ->).
  assert (Q : exists t2 o2 u2, finishes p (handled fs) fin o t2 o2 /\ resume fs o2 u2 r /\
    u1 = t2 ++ u2) by (destruct o; exact R).
  destruct Q as (t2 & o2 & u2 & F & R' & ->).
  exists (Excepted e :: t1), o, t2, o2, u2. repeat split; auto. eapply handles_caught; eauto.
Qed.
Lemma resume_missed e hs els fin fs u r : catching (e_kind e) hs = None ->
  resume (FGuard fin :: fs) (Threw e) u r -> resume (FTry hs els fin :: fs) (Threw e) u r.
Proof.
  intros C (t & o & u1 & F & R & ->). exists [], (Threw e), t, o, u1. repeat split; auto.
  apply handles_missed. auto.
Qed.
Lemma resume_leave o hs els fin fs u r : leaves o = true ->
  resume (FGuard fin :: fs) o u r -> resume (FTry hs els fin :: fs) o u r.
Proof.
  intros L (t & o' & u1 & F & R & ->). exists [], o, t, o', u1. repeat split; auto.
  apply handles_leave. auto.
Qed.
Lemma resume_no_finally o fs u r : resume fs o u r -> resume (FGuard [] :: fs) o u r.
Proof.
  intro R. exists [], o, u. split; auto. apply (finishes_next p _ [] o []). apply all_done.
Qed.
Lemma resume_finally s fin o fs u r : resume (FSeq (s :: fin) :: FFinally o :: fs) Next u r ->
  resume (FGuard (s :: fin) :: fs) o (Finally :: u) r.
Proof.
  intros (t & o1 & u1 & D & R & ->). simpl in D. destruct o1.
  - exists (Finally :: t), o, u1. split; auto. apply (finishes_next p _ (s :: fin)). auto.
  - exists (Finally :: t), (Value v), u1. split; auto.
    apply (finishes_stop p _ (s :: fin)); auto. discriminate.
  - exists (Finally :: t), (Leave v), u1. split; auto.
    apply (finishes_stop p _ (s :: fin)); auto. discriminate.
  - exists (Finally :: t), (Threw e), u1. split; auto.
    apply (finishes_stop p _ (s :: fin)); auto. discriminate.
Qed.

(** * What always holds while main runs *)

Definition main_task : task_id := 0.
(** [may f r]: the future [f] may have the result [r]. *)
Definition known f (k : kernel) : Prop := exists y, find f (futures k) = Some y.
Definition result_in f (rs : list (nat * result)) : result :=
  match find f rs with Some r => r | None => Good VNone end.
(** None waits for the call, but a shield. *)
Definition unwatched c (js : list (nat * job)) (k : kernel) : Prop :=
  c < next_call k /\ forall j, In (c, j) js -> exists f g, j = InnerDone f g.
Definition watched (main : future_id) (j : job) : option future_id :=
  match j with Stop => Some main | ChildDone _ f => Some f | _ => None end.
(** The reports to gatherings that will come. *)
Definition report (e : nat * job) : list (nat * nat) :=
  match snd e with ChildDone g f => [(g, f)] | _ => [] end.
Definition reports js due : list (nat * nat) := flat_map report js ++ due.
Definition to (g : nat) (e : nat * nat) : bool := fst e =? g.

Lemma done_is f y k : find f (futures k) = Some y -> (is_done f k = true <-> f_state y <> Pending).
Proof.
  intro E. unfold is_done, state_of, find_future. rewrite E. destruct (f_state y); simpl;
    intuition congruence.
Qed.

Section Later.
Variables (S R D A : nat -> Prop) (Z : Prop) (k k' : kernel).
Hypothesis G : grows S R D A Z k k'.
Lemma known_later f : known f k -> known f k'.
Proof. intros (y & E). destruct (gr_future _ _ _ _ _ _ _ G f y E) as (y' & E' & _). exists y'. auto.
Qed.
Lemma done_later f : known f k -> is_done f k = true -> is_done f k' = true.
Proof.
  intros (y & E) Q. destruct (gr_future _ _ _ _ _ _ _ G f y E) as (y' & E' & _ & P & _).
  apply (done_is f y' k' E'). apply (done_is f y k E) in Q. destruct P as [P|[P _]]; congruence.
Qed.
Lemma unwatched_later c js : unwatched c js k -> unwatched c js k'.
Proof. intros [L U]. split; auto. pose proof (gr_next_call _ _ _ _ _ _ _ G). lia. Qed.
End Later.

Section Invariant.
Variable may : future_id -> result -> Prop.

Definition good_wait wt js k : Prop :=
  match wt with
  | WTurn _ => True
  | WTimer f c _ => known f k /\ unwatched c js k
  | WFuture f => known f k
  | WItself => False
  end.
(** The await may end so. *)
Definition expected wt (q : result) : Prop :=
  match wt with
  | WTurn v | WTimer _ _ v => q = Good v
  | WFuture f => may f q
  | WItself => False
  end.
Definition good_body f b js k : Prop :=
  match b with
  | Fresh fs => Forall plain_frame fs /\ forall t r, resume fs Next t r -> may f r
  | Waiting wt _ fs => good_wait wt js k /\ Forall plain_frame fs /\
      forall q t r, expected wt q -> resume fs (throwing q) t r -> may f r
  end.
(** What a gathering of such children may give. *)
Definition gathers cs (each : bool) (P : result -> Prop) : Prop :=
  if each then forall rs, Forall2 may cs rs -> P (Good (VList (map shown rs)))
  else (forall vs, Forall2 (fun f v => may f (Good v)) cs vs -> P (Good (VList vs))) /\
    forall f e, In f cs -> may f (Bad e) -> P (Bad e).

(** [due]: reports that are just being made. *)
Record Inv (due : list (nat * nat)) (m : machine) (rs : list (nat * result))
    (bs : list (nat * body)) (js : list (nat * job)) (gs : list (nat * gathering))
    (main : future_id) : Prop := {
  i_good : exists b, GoodMachine b m;
  i_calm : calm (kern m);
  i_sound : forall f r, find f rs = Some r -> sound r;
  i_result : forall f y, find f (futures (kern m)) = Some y -> f_state y <> Pending ->
    may f (result_in f rs);
  i_resolve : forall c x f, find c (calls (kern m)) = Some x -> c_action x = Resolve f ->
    forall q, may f q;
  i_body : forall t b, find t bs = Some b -> exists x, find t (tasks (kern m)) = Some x /\
    good_body (t_future x) b js (kern m);
  i_once : NoDup (map fst js);
  i_job : forall c j, In (c, j) js -> c < next_call (kern m) /\
    match j with
    | Stop => True
    | User _ _ | UserDone _ _ _ _ => False
    | ChildDone g f => exists x, find g gs = Some x /\ In f (g_children x)
    | InnerDone f g => known f (kern m) /\ known g (kern m) /\ forall r, may f r -> may g r
    | OuterDone _ c => unwatched c js (kern m)
    end;
  i_watch : forall c j f, In (c, j) js -> watched main j = Some f ->
    (is_done f (kern m) = true \/
      exists y, find f (futures (kern m)) = Some y /\ In (RunCall c) (f_callbacks y)) /\
    forall x, find c (calls (kern m)) = Some x -> c_action x = Closure /\ c_place x <> Dead;
  i_due : forall g f, In (g, f) due -> exists x, find g gs = Some x /\ In f (g_children x);
  i_left : forall g x, find g gs = Some x -> known g (kern m) /\
    count (to g) (reports js due) <= g_left x;
  i_child : forall g x f, find g gs = Some x -> In f (g_children x) -> known f (kern m) /\
    (In (g, f) (reports js due) \/ is_done f (kern m) = true /\
      (is_done g (kern m) = true \/ g_each x = true \/ exists v, result_in f rs = Good v));
  i_gathers : forall g x, find g gs = Some x -> gathers (g_children x) (g_each x) (may g);
  i_main : known main (kern m);
  i_stopping : stopping (kern m) = true -> is_done main (kern m) = true;
  i_task : exists x, find main_task (tasks (kern m)) = Some x /\ t_future x = main;
  i_timers : forall c x f, find c (calls (kern m)) = Some x -> c_action x = Resolve f -> f <> main;
  i_outers : forall c f g, In (c, InnerDone f g) js -> g <> main;
  i_others : forall g x, find g gs = Some x -> g <> main }.

Definition inv due w : Prop := Inv due (machine_of (core_of w)) (results (rest_of w))
  (bodies (rest_of w)) (jobs (rest_of w)) (gatherings (rest_of w)) (target (rest_of w)).

Section Later.
Variables (S R D A : nat -> Prop) (Z : Prop) (k k' : kernel).
Hypothesis G : grows S R D A Z k k'.
Lemma good_wait_later wt js : good_wait wt js k -> good_wait wt js k'.
Proof.
  destruct wt; simpl; eauto using known_later. intros [K U]. eauto using known_later,
    unwatched_later.
Qed.
Lemma good_body_later f b js : good_body f b js k -> good_body f b js k'.
Proof. destruct b; simpl; auto. intros (W & P & H). auto using good_wait_later. Qed.
End Later.

Lemma inv_op due m rs bs js gs main o m' a : Inv due m rs bs js gs main ->
  apply m o = Some (m', a) ->
  calm_op (fun f => may f (result_in f rs)) (fun c => unwatched c js (kern m))
    (fun c => unwatched c js (kern m)) (fun f => (forall q, may f q) /\ f <> main)
    (is_done main (kern m) = true) (kern m) o ->
  Inv due m' rs bs js gs main /\
  grows (fun f => may f (result_in f rs)) (fun c => unwatched c js (kern m))
    (fun c => unwatched c js (kern m)) (fun f => (forall q, may f q) /\ f <> main)
    (is_done main (kern m) = true) (kern m) (kern m').
Proof.
  intros I E C. destruct (i_good _ _ _ _ _ _ _ I) as (b & GM).
  pose proof (grows_apply _ _ _ _ _ m o m' a b E GM (i_calm _ _ _ _ _ _ _ I) C) as G.
  split; [|exact G]. destruct I. constructor; auto.
  - eexists. eapply good_apply; eauto.
  - apply (gr_calm _ _ _ _ _ _ _ G).
  - intros f y' E' N. destruct (find f (futures (kern m))) as [y|] eqn:E0.
    + destruct (gr_future _ _ _ _ _ _ _ G f y E0) as (z & E1 & _ & [P|[_ P]] & _); auto.
      apply (i_result0 f y); auto. congruence.
    + destruct (gr_new _ _ _ _ _ _ _ G f y' E' E0); [contradiction|auto].
  - intros c x' f E' P. destruct (gr_call _ _ _ _ _ _ _ G c x' E') as [(x & E0 & Q & _)|(_ & _ &
    Q)].
    + apply (i_resolve0 c x f); congruence.
    + rewrite P in Q. apply Q.
  - intros t bd F. destruct (i_body0 t bd F) as (x & E0 & B).
    destruct (gr_task _ _ _ _ _ _ _ G t x E0) as (x' & E1 & Q). exists x'. split; auto. rewrite Q.
    eapply good_body_later; eauto.
  - intros c j J. destruct (i_job0 c j J) as [L Q].
    split; [pose proof (gr_next_call _ _ _ _ _ _ _ G); lia|].
    destruct j; auto; [|eapply unwatched_later; eauto].
    destruct Q as (Q1 & Q2 & Q3). repeat split; auto; eapply known_later; eauto.
  - intros c j f J W. assert (U : ~ unwatched c js (kern m)).
    { intros [_ U]. destruct (U j J) as (? & ? & ->). discriminate. }
    destruct (i_watch0 c j f J W) as [Q P]. split.
    + destruct Q as [Q|(y & F & Q)].
      * destruct (is_done f (kern m')) eqn:D'; auto. left. destruct (find f (futures (kern m))) as
        [y|] eqn:F.
        -- rewrite <- D'. eapply done_later; eauto. exists y. auto.
        -- exfalso. assert (K : known f (kern m)); [|destruct K; congruence].
           destruct j; simpl in W; try discriminate; injection W as <-; auto.
           destruct (i_job0 _ _ J) as (_ & x & X1 & X2). eapply i_child0; eauto.
      * destruct (gr_future _ _ _ _ _ _ _ G f y F) as (y' & F' & _ & _ & H).
        destruct (H c Q) as [H1|[H1|H1]]; [left|right|contradiction].
        -- apply (done_is f y'); auto.
        -- eauto.
    + intros x' E'. destruct (gr_call _ _ _ _ _ _ _ G c x' E') as [(x & E0 & A & D)|(L & _ & _)].
      * destruct (P x E0) as [P1 P2]. split; [congruence|]. intro Q0. destruct (D Q0); auto.
      * destruct (i_job0 c j J). lia.
  - intros g x F. destruct (i_left0 g x F). split; auto. eapply known_later; eauto.
  - intros g x f F Q. destruct (i_child0 g x f F Q) as [K H]. split; [eapply known_later; eauto|].
    destruct H as [H|[H1 H2]]; auto. right. split; [eapply done_later; eauto|].
    destruct H2 as [H2|H2]; auto. left. eapply done_later; eauto. apply (i_left0 g x F).
  - eapply known_later; eauto.
  - intro Q. destruct (gr_stop _ _ _ _ _ _ _ G Q); eapply done_later; eauto.
  - destruct i_task0 as (x & F & T). destruct (gr_task _ _ _ _ _ _ _ G _ x F) as (y & F' & T').
    exists y. split; congruence.
  - intros c x' f E' P. destruct (gr_call _ _ _ _ _ _ _ G c x' E') as [(x & E0 & Q & _)|(_ & _ &
    Q)].
    + apply (i_timers0 c x f); congruence.
    + rewrite P in Q. apply Q.
Qed.
End Invariant.
End Resume.
