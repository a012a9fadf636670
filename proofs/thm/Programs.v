(** Runs of programs are accepted lists of operations, and choices are exactly schedules. *)
From Coq Require Import List Arith NArith Lia Bool.
From Seedloop.Spec Require Import Map Kernel Machine Program.
From Seedloop.Thm Require Import Lists.
Import ListNotations.

(** From one world to another by accepted operations, each of them with [P]. A refusal stays. *)
Definition moves (P : op -> Prop) (w w' : world) : Prop :=
  exists es, operations (core_of w') = es ++ operations (core_of w) /\
    accept (machine_of (core_of w)) (rev es) = Some (machine_of (core_of w')) /\
    Forall (fun e => P (fst e)) es /\
    (refused (core_of w) = true -> refused (core_of w') = true).

Lemma same_list_refl l : same_list l l = true.
Proof. induction l as [|x l IH]; simpl; auto. rewrite Nat.eqb_refl. auto. Qed.

Lemma same_answer_refl a : same_answer a a = true.
Proof.
  destruct a; simpl; auto using Nat.eqb_refl, same_list_refl.
  - destruct b; auto.
  - destruct t; auto.
  - destruct h; simpl; apply Nat.eqb_refl.
  - rewrite !Nat.eqb_refl. auto.
  - destruct e as [|[m|]|]; simpl; auto using Nat.eqb_refl.
  - destruct a as [| |[m|]], since; simpl; rewrite ?Nat.eqb_refl; auto.
  - destruct m; simpl; auto using Nat.eqb_refl.
  - destruct a as [[|f]|]; simpl; auto using Nat.eqb_refl.
Qed.

Lemma accept_app a b : forall m, accept m (a ++ b) =
  match accept m a with Some m => accept m b | None => None end.
Proof.
  induction a as [|[o x] a IH]; simpl; intro m; auto. destruct (check_op m o x); auto.
Qed.

Section Moves.
Variable P : op -> Prop.

Lemma moves_refl w : moves P w w.
Proof. exists []. simpl. auto. Qed.
Lemma moves_same w w' : operations (core_of w') = operations (core_of w) ->
  machine_of (core_of w') = machine_of (core_of w) ->
  (refused (core_of w) = true -> refused (core_of w') = true) -> moves P w w'.
Proof. intros O M R. exists []. simpl. rewrite O, M. auto. Qed.
Lemma moves_trans a b c : moves P a b -> moves P b c -> moves P a c.
Proof.
  intros (e1 & O1 & A1 & F1 & R1) (e2 & O2 & A2 & F2 & R2). exists (e2 ++ e1). repeat split; auto.
  - rewrite O2, O1, app_assoc. auto.
  - rewrite rev_app_distr, accept_app, A1. auto.
  - apply Forall_app. auto.
Qed.
Lemma moves_ask o w : P o -> moves P w (fst (ask o w)).
Proof.
  intro H. unfold ask. destruct (apply (machine_of (core_of w)) o) as [[m a]|] eqn:E; simpl.
  - exists [(o, a)]. simpl. unfold check_op. rewrite E, same_answer_refl. repeat split; auto.
  - apply moves_same; auto.
Qed.
Lemma moves_fold {A} (g : world -> A -> world) l : (forall w x, moves P w (g w x)) ->
  forall w, moves P w (fold_left g l w).
Proof.
  intro G. induction l as [|x l IH]; simpl; intro w; [apply moves_refl|].
  eapply moves_trans; [apply G|apply IH].
Qed.
End Moves.

(** Every operation but a take. *)
Definition no_take (o : op) : Prop := match o with OTake _ => False | _ => True end.

(** How main ended, or [asyncio.run]. *)
Definition is_end (s : said) : bool :=
  match s with RunReturned _ | RunRaised _ | Deadlock _ => true | _ => false end.
Definition ends w : list said := filter is_end (map l_said (lines (rest_of w))).

(** More lines, of which none is such an end. *)
Definition adds (ls ls' : list line) : Prop :=
  exists new, ls' = new ++ ls /\ filter is_end (map l_said new) = [].
Lemma adds_trans a b c : adds a b -> adds b c -> adds a c.
Proof.
  intros (x & -> & X) (y & -> & Y). exists (y ++ x). rewrite app_assoc. split; auto.
  rewrite map_app, filter_app, X, Y. auto.
Qed.
Lemma adds_none ls ls' : ls' = ls -> adds ls ls'.
Proof. intros ->. exists []. auto. Qed.
Lemma adds_one l ls ls' : is_end (l_said l) = false -> ls' = l :: ls -> adds ls ls'.
Proof. intros E ->. exists [l]. simpl. rewrite E. auto. Qed.

(** By operations that take nothing; [asyncio.run] goes on as it did. *)
Definition inside w w' : Prop :=
  moves no_take w w' /\ ends w' = ends w /\ at_phase (rest_of w') = at_phase (rest_of w) /\
  target (rest_of w') = target (rest_of w) /\ adds (lines (rest_of w)) (lines (rest_of w')).

Lemma inside_refl w : inside w w.
Proof. repeat split; [apply moves_refl|apply adds_none; auto]. Qed.
Lemma inside_trans a b c : inside a b -> inside b c -> inside a c.
Proof.
  intros (M1 & E1 & P1 & T1 & A1) (M2 & E2 & P2 & T2 & A2).
  split; [eapply moves_trans; eassumption|]. repeat split; try congruence.
  eapply adds_trans; eassumption.
Qed.
Lemma inside_same w w' : operations (core_of w') = operations (core_of w) ->
  machine_of (core_of w') = machine_of (core_of w) ->
  (refused (core_of w) = true -> refused (core_of w') = true) ->
  adds (lines (rest_of w)) (lines (rest_of w')) ->
  at_phase (rest_of w') = at_phase (rest_of w) -> target (rest_of w') = target (rest_of w) ->
  inside w w'.
Proof.
  intros O M R A P T. split; [apply moves_same; auto|]. repeat split; auto.
  destruct A as (new & A & E). unfold ends. rewrite A, map_app, filter_app, E. auto.
Qed.
Lemma rest_of_ask o w : rest_of (fst (ask o w)) = rest_of w.
Proof. unfold ask. destruct (apply _ o) as [[m a]|]; auto. Qed.
Lemma inside_ask o w : no_take o -> inside w (fst (ask o w)).
Proof.
  intro N. split; [apply moves_ask; auto|]. unfold ends. rewrite rest_of_ask. repeat split.
  apply adds_none. auto.
Qed.
Lemma inside_fold {A} (g : world -> A -> world) l : (forall w x, inside w (g w x)) ->
  forall w, inside w (fold_left g l w).
Proof.
  intro G. induction l as [|x l IH]; simpl; intro w; [apply inside_refl|].
  eapply inside_trans; [apply G|apply IH].
Qed.

Notation moving := (moves no_take).

#[local] Hint Resolve moves_refl inside_refl : core.
#[local] Arguments ask : simpl never.
#[local] Arguments outcome_now : simpl never.
#[local] Arguments start_task : simpl never.
#[local] Arguments start_implicit : simpl never.
#[local] Arguments when_done : simpl never.
#[local] Arguments settle_as : simpl never.
#[local] Arguments finish_gathering : simpl never.
#[local] Arguments child_done : simpl never.
#[local] Arguments start_gathering : simpl never.
#[local] Arguments start_shield : simpl never.
#[local] Arguments set_plain : simpl never.
#[local] Arguments exception_now : simpl never.
#[local] Arguments waited : simpl never.
#[local] Arguments poll_wait : simpl never.
#[local] Arguments begin_sleep : simpl never.
#[local] Arguments schedule : simpl never.
#[local] Arguments cancel_named : simpl never.
#[local] Arguments until_done : simpl never.
#[local] Arguments shut_down : simpl never.
#[local] Arguments clean_up : simpl never.
#[local] Arguments next_phase : simpl never.
#[local] Arguments run_handle : simpl never.
#[local] Arguments answered_future : simpl never.
#[local] Arguments answered_call : simpl never.

(** Follows a chain of [let (w, x) := ... in ...] back to its start. *)
Ltac quiet := apply inside_same; solve [reflexivity | exact (fun r => r) | auto
  | apply adds_none; reflexivity | eapply adds_one; [|reflexivity]; reflexivity].
Ltac asked := apply inside_ask; exact I.
Ltac by_ask o w := pose proof (inside_ask o w I); destruct (ask o w) as [?u ?a]; cbn [fst snd] in *.

Lemma in_asks o w : no_take o -> inside w (asks o w).
Proof. apply inside_ask. Qed.
Lemma in_say s w : is_end s = false -> inside w (say s w).
Proof. intro E. apply inside_same; auto. eapply adds_one; [|reflexivity]. exact E. Qed.
Lemma in_keep f x w : inside w (keep f x w). Proof. quiet. Qed.

Lemma in_outcome f w : inside w (fst (outcome_now f w)).
Proof. unfold outcome_now. destruct (settled_of f w); simpl; auto. by_ask (OTakeMessage f) w. auto. Qed.
Lemma in_start_task l fs w : inside w (fst (start_task l fs w)).
Proof.
  unfold start_task. by_ask OSpawn w. destruct a; simpl; auto. eapply inside_trans; [eassumption|].
  destruct l; quiet.
Qed.
Lemma in_start_implicit fs w : inside w (fst (start_implicit fs w)).
Proof. unfold start_implicit. eapply inside_trans; [|apply in_start_task]. quiet. Qed.
Lemma in_when_done f j w : inside w (fst (when_done f j w)).
Proof.
  unfold when_done, answered_call. by_ask (OOnDone f) w. eapply inside_trans; [eassumption|quiet].
Qed.
Lemma in_settle_as f r w : inside w (settle_as f r w).
Proof. unfold settle_as. eapply inside_trans; [|apply in_asks; exact I]. quiet. Qed.
Lemma in_finish g x w : inside w (finish_gathering g x w).
Proof.
  unfold finish_gathering. cbv zeta.
  destruct (match find_future g (kernel_of w) with Some y => f_cancel_requested y | None => false end);
    [|apply in_settle_as]. destruct (last_of (g_children x)); [|apply in_settle_as].
  by_ask (OTakeMessage n) w. eapply inside_trans; [eassumption|apply in_settle_as].
Qed.
Lemma in_child_done g f w : inside w (child_done g f w).
Proof.
  unfold child_done. destruct (find g _) as [x|]; auto. cbv zeta.
  set (x' := Gathering _ _ _). set (w1 := set_gathering g x' w).
  assert (Q : inside w w1) by quiet. destruct (is_done g (kernel_of w1)); auto.
  assert (F : inside w (if g_left x' =? 0 then finish_gathering g x' w1 else w1)).
  { destruct (g_left x' =? 0); auto. eapply inside_trans; [exact Q|apply in_finish]. }
  assert (R : inside w (let (w, r) := outcome_now f w1 in settle_as g r w)).
  { pose proof (in_outcome f w1). destruct (outcome_now f w1). cbn [fst snd] in *.
    eapply inside_trans; [exact Q|]. eapply inside_trans; [eassumption|apply in_settle_as]. }
  destruct (g_each x'); auto. destruct (settled_of f w1) as [| |[]]; auto.
Qed.
Lemma in_start_gathering fs each w : inside w (fst (start_gathering fs each w)).
Proof.
  unfold start_gathering, answered_future. cbv zeta. by_ask (OFutureNew (Children fs)) w.
  set (g := match a with AFuture f => f | _ => 0 end).
  eapply inside_trans; [eassumption|]. eapply inside_trans; [|apply inside_fold].
  - eapply inside_trans; [|apply inside_fold].
    + destruct (distinct [] fs); [|quiet]. eapply inside_trans; [|apply in_finish]. quiet.
    + intros w0 f. unfold watch_child. destruct (is_done f (kernel_of w0)); auto. apply in_when_done.
  - intros w0 f. unfold collect_child. destruct (existsb _ _); auto. apply in_child_done.
Qed.
Lemma in_start_shield f w : inside w (fst (start_shield f w)).
Proof.
  unfold start_shield, answered_future. destruct (is_done f (kernel_of w)); auto. by_ask (OFutureNew Itself) w.
  set (o := match a with AFuture f => f | _ => 0 end).
  pose proof (in_when_done f (InnerDone f o) u). destruct (when_done f (InnerDone f o) u). cbn [fst snd] in *.
  eapply inside_trans; [eassumption|]. eapply inside_trans; [eassumption|apply in_when_done].
Qed.
Lemma in_ensure b w : inside w (fst (ensure b w)).
Proof. destruct b; cbn [ensure]; auto. apply in_start_implicit. Qed.
Lemma in_ensure_all l : forall w, inside w (fst (ensure_all l w)).
Proof.
  induction l as [|b l IH]; simpl; intro w; auto. pose proof (in_ensure b w). destruct (ensure b w) as [w1 f].
  specialize (IH w1). destruct (ensure_all l w1). cbn [fst snd] in *. eapply inside_trans; eassumption.
Qed.

Fixpoint size (a : awaitable) : nat :=
  match a with
  | AwGather l _ => S (fold_right (fun a n => size a + n) 0 l)
  | AwShield a => S (size a)
  | _ => 1
  end.

Lemma in_build n : forall a, size a <= n -> forall w, inside w (fst (build a w)).
Proof.
  induction n as [|n IH]; intros a L w; [destruct a; simpl in L; lia|].
  destruct a as [h|c|d v|l each|a]; cbn [build]; auto.
  - assert (F : forall l w bs, fold_right (fun a n => size a + n) 0 l <= n -> inside w (fst (fold_left
      (fun (c : world * list built) a => let (w, b) := build a (fst c) in (w, snd c ++ [b])) l (w, bs)))).
    { clear L w l. induction l as [|b0 l IHl]; simpl; intros w bs L; auto.
      pose proof (IH b0 ltac:(lia) w). destruct (build b0 w) as [w1 b]. cbn [fst snd] in *.
      eapply inside_trans; [eassumption|]. apply IHl. lia. }
    specialize (F l w [] ltac:(simpl in L; lia)).
    destruct (fold_left _ l (w, [])) as [w1 bs]. simpl in F.
    pose proof (in_ensure_all bs w1). destruct (ensure_all bs w1) as [w2 fs]. cbn [fst snd] in *.
    pose proof (in_start_gathering fs each w2). destruct (start_gathering fs each w2). cbn [fst snd] in *.
    eapply inside_trans; [exact F|]. eapply inside_trans; [exact H|exact H0].
  - pose proof (IH a ltac:(simpl in L; lia) w). destruct (build a w) as [w1 b]. cbn [fst snd] in *.
    pose proof (in_ensure b w1). destruct (ensure b w1) as [w2 f]. cbn [fst snd] in *.
    pose proof (in_start_shield f w2). destruct (start_shield f w2). cbn [fst snd] in *.
    eapply inside_trans; [eassumption|]. eapply inside_trans; eassumption.
Qed.
Lemma built a w : inside w (fst (build a w)).
Proof. apply in_build with (size a). auto. Qed.

(** ** Statements *)

Lemma in_attempt s r w : is_end (s r) = false -> inside w (fst (attempt s r w)).
Proof. apply in_say. Qed.
Lemma in_with_future h w g : (forall f, inside w (fst (g f))) -> inside w (fst (with_future h w g)).
Proof. intro G. unfold with_future. destruct (handle_named h w) as [[f|c]|]; simpl; auto. apply in_say; auto. Qed.
Lemma in_with_task h w g : (forall t, inside w (fst (g t))) -> inside w (fst (with_task h w g)).
Proof.
  intro G. unfold with_task. destruct h as [h|].
  - destruct (handle_named h w) as [[f|c]|]; simpl; auto; [|apply in_say; auto]. destruct (task_of f _); simpl; auto.
  - destruct (active (rest_of w)); simpl; auto.
Qed.
Lemma in_set_plain f r w : inside w (fst (set_plain f r w)).
Proof.
  unfold set_plain. destruct (is_some _); auto. destruct (is_done f (kernel_of w)); auto. apply in_settle_as.
Qed.
Lemma in_schedule o cb h b w : no_take o -> inside w (schedule o cb h b w).
Proof.
  intro N. unfold schedule, answered_call. pose proof (inside_ask o w N). destruct (ask o w).
  cbn [fst snd] in *. eapply inside_trans; [eassumption|quiet].
Qed.

Ltac then_quiet := eapply inside_trans; [eassumption|quiet].

Lemma in_statement s w : inside w (fst (statement s w)).
Proof.
  destruct s; cbn [statement]; auto; try quiet; try (apply in_schedule; exact I); try (apply in_asks; exact I).
  - destruct (missing _ w); [|quiet]. pose proof (built a w). destruct (build a w) as [w1 b]. cbn [fst snd] in *.
    pose proof (in_ensure b w1). destruct (ensure b w1). cbn [fst snd] in *.
    eapply inside_trans; [eassumption|]. then_quiet.
  - pose proof (in_start_task (Some (Named h)) [FEnter c] w). destruct (start_task _ _ w). cbn [fst snd] in *. then_quiet.
  - destruct (active (rest_of w)); auto. quiet.
  - unfold cancel_named. destruct (handle_named h w) as [[f|c]|]; [| |quiet].
    + by_ask (OCancel f m) w. then_quiet.
    + destruct m; simpl; auto. eapply inside_trans; [apply (in_asks (OCancelCall c)); exact I|quiet].
  - apply in_with_task. intro t. by_ask (OUncancel t) w. then_quiet.
  - apply in_with_task. intro t. quiet.
  - apply in_with_future. intro f. quiet.
  - apply in_with_future. intro f. pose proof (in_outcome f w). destruct (outcome_now f w). cbn [fst snd] in *. then_quiet.
  - apply in_with_future. intro f. unfold exception_now. destruct (settled_of f w) as [| |[]]; simpl; try quiet;
      pose proof (in_outcome f w); destruct (outcome_now f w); cbn [fst snd] in *; then_quiet.
  - apply in_with_future. intro f. pose proof (in_set_plain f (Program.Good v) w). destruct (set_plain _ _ w). cbn [fst snd] in *. then_quiet.
  - apply in_with_future. intro f. pose proof (in_set_plain f (Bad e) w). destruct (set_plain _ _ w). cbn [fst snd] in *. then_quiet.
  - apply in_with_future. intro f. match goal with |- context[when_done f ?j w] => pose proof (in_when_done f j w) end.
    destruct (when_done _ _ w). cbn [fst snd] in *. then_quiet.
  - apply in_with_future. intro f. destruct (added_as _ _ _) as [c|]; cbn [fst snd]; auto. by_ask (ORemoveOnDone f c) w. then_quiet.
Qed.

(** ** Coroutines *)

Lemma in_waited wt a w : inside w (fst (waited wt a w)).
Proof.
  unfold waited. destruct a as [| |m]; simpl; auto; destruct wt as [v|f c v|f|]; simpl; auto;
    repeat match goal with
    | |- context[state_of f ?k] => destruct (state_of f k)
    | |- context[settled_of f w] => destruct (settled_of f w) as [| |[v|[[|k] n]]]
    end; simpl; auto; try (apply in_asks; exact I);
    pose proof (in_outcome f w); destruct (outcome_now f w); cbn [fst snd] in *; auto;
    (eapply inside_trans; [eassumption|apply in_asks; exact I]).
Qed.
Lemma in_poll_wait t wt since w : inside w (fst (poll_wait t wt since w)).
Proof.
  unfold poll_wait. by_ask (OPollAwait t (on_of wt) since) w. destruct a; simpl; auto.
  assert (G : forall a since, inside w (fst (let w := match since with
      | Some n => asks (OEndAwait t (on_of wt) n) u | None => u end in
      let (w, r) := waited wt a w in (w, (r, 0))))).
  { intros a0 s. cbv zeta. set (w1 := match s with Some _ => _ | None => _ end).
    assert (inside w w1) by (unfold w1; destruct s; auto; eapply inside_trans; [eassumption|apply in_asks; exact I]).
    pose proof (in_waited wt a0 w1). destruct (waited wt a0 w1). cbn [fst snd] in *. eapply inside_trans; eassumption. }
  destruct a; auto. destruct since0; auto.
Qed.
Lemma in_begin_sleep d v w : inside w (fst (begin_sleep d v w)).
Proof.
  unfold begin_sleep, answered_future, answered_call. destruct (time_ltb 0%N d); auto.
  by_ask (OFutureNew Itself) w. 
  match goal with |- context[ask ?o u] => by_ask o u end. eapply inside_trans; eassumption.
Qed.

Lemma within w w' : inside w w' -> moving w w'.
Proof. intros [M _]. exact M. Qed.
Ltac same_moves := apply moves_same; solve [reflexivity | auto].
Ltac then_same := eapply moves_trans; [eassumption|same_moves].
Ltac moves_by_ask o w :=
  pose proof (moves_ask no_take o w I); destruct (ask o w) as [?u ?a]; cbn [fst snd] in *.
Lemma moves_asks o w : no_take o -> moving w (asks o w).
Proof. apply moves_ask. Qed.
Lemma moves_say s w : moving w (say s w). Proof. same_moves. Qed.

Section Run.
Variable p : program.

Lemma in_frames fuel : forall t o fs w, inside w (fst (run_frames p fuel t o fs w)).
Proof.
  induction fuel as [|fuel IH]; intros t o fs w; [quiet|]. cbn [run_frames]. cbv zeta.
  assert (WF : forall wt fs w, inside w (fst (match t with
    | Some u => let '(w, (r, since)) := poll_wait u wt None w in
        match r with
        | Some r => run_frames p fuel t (throwing r) fs w
        | None => (w, Suspended wt since fs)
        end
    | None => run_frames p fuel t (Threw (Exn runtime_error None)) fs w
    end))).
  { intros wt fs' w'. destruct t as [u|]; auto. pose proof (in_poll_wait u wt None w').
    destruct (poll_wait u wt None w') as [w1 [r n]]. cbn [fst snd] in *. destruct r; auto.
    eapply inside_trans; [eassumption|auto]. }
  destruct fs as [|f fs]; auto.
  assert (SAY : forall s o fs, is_end s = false ->
    inside w (fst (run_frames p fuel t o fs (say s w)))).
  { intros s o0 fs0 E. eapply inside_trans; [apply in_say; exact E|auto]. }
  destruct f as [l|n l|hs els fin|e|fin|before|c|c|k|d v].
  - destruct l as [|s l]; auto. destruct o; auto.
    assert (ST : inside w (fst (let (w, o) := statement s w in run_frames p fuel t o (FSeq l :: fs) w))).
    { pose proof (in_statement s w). destruct (statement s w). cbn [fst snd] in *. eapply inside_trans; [eassumption|auto]. }
    destruct s; auto. destruct (missing _ w); auto.
    pose proof (built a w). destruct (build a w) as [w1 b]. cbn [fst snd] in *.
    destruct b as [f|k begun]; [destruct t as [u|]|]; (eapply inside_trans; [eassumption|]);
      [apply (WF (wait_on u f w1))|apply (WF (WFuture f))|auto].
  - destruct n; auto. destruct o; auto.
  - destruct o; auto. destruct (catching (e_kind e) hs); auto.
  - auto.
  - destruct fin; auto.
  - destruct o; auto.
  - destruct o; auto.
  - destruct o; auto.
  - destruct o; auto.
  - destruct o; auto. pose proof (in_begin_sleep d v w). destruct (begin_sleep d v w) as [w1 wt]. cbn [fst snd] in *.
    eapply inside_trans; [eassumption|apply WF].
Qed.

Variable fuel : nat.

Lemma in_end_of_step t c w : inside w (fst c) -> inside w (end_of_step t c).
Proof.
  destruct c as [w1 s]. simpl. intro M. eapply inside_trans; [exact M|].
  destruct s as [wt n fs|[v|[[|k] m]]]; try (apply in_asks; exact I);
    (eapply inside_trans; [|apply in_asks; exact I]); quiet.
Qed.
Lemma in_poll_task t w : inside w (poll_task p fuel t w).
Proof.
  unfold poll_task. destruct (find t (bodies (rest_of w))) as [[wt n fs|fs]|]; [| |apply in_asks; exact I].
  - pose proof (in_poll_wait t wt (Some n) w). destruct (poll_wait _ _ _ w) as [w1 [r m]]. cbn [fst snd] in *.
    eapply inside_trans; [eassumption|]. destruct r; [|apply in_asks; exact I].
    apply in_end_of_step. eapply inside_trans; [|apply in_frames]. quiet.
  - apply in_end_of_step. eapply inside_trans; [|apply in_frames]. quiet.
Qed.
Lemma in_run_step t w : inside w (run_step p fuel t w).
Proof.
  unfold run_step. by_ask (OBeginStep t) w. destruct a; auto. destruct e; auto.
  - eapply inside_trans; [eassumption|]. eapply inside_trans; [|quiet].
    eapply inside_trans; [|apply in_poll_task]. quiet.
  - eapply inside_trans; [eassumption|]. eapply inside_trans; [|apply in_asks; exact I]. quiet.
Qed.
Lemma in_run_body b w : inside w (run_body p fuel b w).
Proof.
  unfold run_body. pose proof (in_frames fuel None Next [FSeq b] w). destruct (run_frames _ _ _ _ _ w) as [w1 s].
  cbn [fst snd] in *. destruct s as [|[]]; auto; then_quiet.
Qed.
Lemma in_run_job j w : inside w (run_job p fuel j w).
Proof.
  destruct j; simpl; try (apply in_asks; exact I).
  - eapply inside_trans; [|apply in_run_body]. quiet.
  - eapply inside_trans; [|apply in_run_body]. quiet.
  - apply in_child_done.
  - destruct (is_done outer (kernel_of w)); auto. destruct (settled_of inner w); auto;
      [apply in_asks; exact I|apply in_settle_as].
Qed.
Lemma in_run_call c w : inside w (run_call p fuel c w).
Proof.
  unfold run_call. by_ask (OBeginCall c) w. cbv zeta. destruct a as [| | | | | | | | | | | | |[[|f]|]];
    try (then_quiet). destruct (find c (jobs (rest_of u))); [|then_quiet].
  eapply inside_trans; [eassumption|]. eapply inside_trans; [|apply in_run_job]. quiet.
Qed.
Lemma in_run_handle h w : inside w (run_handle p fuel h w).
Proof. destruct h; [apply in_run_step|apply in_run_call]. Qed.

(** ** The loop *)

Lemma in_until_done f ph w : moving w (until_done f ph w).
Proof.
  unfold until_done. pose proof (within _ _ (in_when_done f Stop w)). destruct (when_done f Stop w). cbn [fst snd] in *. then_same.
Qed.
Lemma in_shut_down more w : moving w (shut_down more w).
Proof.
  unfold shut_down. pose proof (within _ _ (in_start_task None [] w)). destruct (start_task None [] w). cbn [fst snd] in *.
  eapply moves_trans; [eassumption|apply in_until_done].
Qed.
Lemma in_clean_up w : moving w (clean_up w).
Proof.
  unfold clean_up. destruct (live_tasks (kernel_of w)) as [|t ts]; [apply in_shut_down|].
  set (w1 := fold_left _ (t :: ts) w).
  assert (moving w w1) by (apply moves_fold; intros; apply moves_asks; exact I).
  match goal with |- context[start_gathering ?l true w1] =>
    pose proof (within _ _ (in_start_gathering l true w1)); destruct (start_gathering l true w1) end. cbn [fst snd] in *.
  eapply moves_trans; [eassumption|]. eapply moves_trans; [eassumption|apply in_until_done].
Qed.
Lemma in_next_phase w : moving w (next_phase w).
Proof.
  unfold next_phase. cbv zeta. set (w1 := asks _ w).
  assert (moving w w1) by (apply moves_asks; exact I).
  destruct (at_phase (rest_of w1)) as [|ts|[|more]|]; try then_same.
  - pose proof (within _ _ (in_outcome (target (rest_of w)) w1)). destruct (outcome_now _ w1). cbn [fst snd] in *.
    eapply moves_trans; [eassumption|]. eapply moves_trans; [eassumption|].
    eapply moves_trans; [apply moves_say|apply in_clean_up].
  - eapply moves_trans; [eassumption|]. eapply moves_trans; [|apply in_shut_down]. apply moves_fold.
    intros w0 t. unfold report_left. destruct (settled_of _ w0) as [| |[]]; auto. apply moves_say.
  - eapply moves_trans; [eassumption|apply in_shut_down].
Qed.
Lemma in_begin_loop w : moving w (begin_loop w).
Proof.
  unfold begin_loop. moves_by_ask OBeginIteration w. destruct a; auto. destruct t; auto; then_same.
Qed.

(** A step takes one handle at most, as its first operation. *)
Lemma one_take i w : moving w (step_at p fuel i w) \/
  exists m h, apply (machine_of (core_of w)) (OTake i) = Some (m, AHandle h) /\
    moving (fst (ask (OTake i) w)) (step_at p fuel i w).
Proof.
  unfold step_at. destruct (batch (kernel_of w) =? 0); [left; apply in_begin_loop|].
  unfold run_nth, ask at 1 2. destruct (apply (machine_of (core_of w)) (OTake i)) as [[m a]|] eqn:E;
    [|left; same_moves].
  assert (Q : exists h, a = AHandle h).
  { cbn [apply] in E. unfold when in E. destruct (_ && _); [|discriminate].
    destruct (take _ _) as [[k h]|]; [|discriminate]. injection E as _ <-. eauto. }
  destruct Q as (h & ->). right. exists m, h. split; auto.
  unfold ask. rewrite E. cbv zeta. set (w1 := World _ _). simpl.
  assert (R : moving w1 (run_handle p fuel h w1)) by apply within, in_run_handle.
  destruct (_ && _); auto. eapply moves_trans; [exact R|]. eapply moves_trans; [|apply in_next_phase].
  apply in_asks. exact I.
Qed.

End Run.

(** * What holds of every run *)

Lemma moves_weaken (P Q : op -> Prop) w w' : (forall o, P o -> Q o) -> moves P w w' -> moves Q w w'.
Proof.
  intros PQ (es & O & A & F & R). exists es. repeat split; auto. eapply Forall_impl; [|exact F]. simpl. auto.
Qed.

(** Takes are of this index alone. *)
Definition takes_only (i : nat) (o : op) : Prop := forall j, o = OTake j -> j = i.

Lemma no_take_only i o : no_take o -> takes_only i o.
Proof. intros N j ->. destruct N. Qed.

Lemma step_at_moves p fuel i w : moves (takes_only i) w (step_at p fuel i w).
Proof.
  destruct (one_take p fuel i w) as [M|(m & h & _ & M)].
  - eapply moves_weaken; [|exact M]. apply no_take_only.
  - eapply moves_trans; [|eapply moves_weaken; [|exact M]; apply no_take_only].
    apply moves_ask. intros j E. injection E. auto.
Qed.

Lemma init_moves p : moves no_take nowhere (init p).
Proof.
  unfold init. pose proof (within _ _ (in_start_task (Some (Named main_coro)) [FEnter main_coro] nowhere)) as A.
  destruct (start_task _ _ nowhere) as [w f]. cbn [fst] in A. eapply moves_trans; [exact A|].
  eapply moves_trans; [apply in_until_done|]. apply moves_fold. intros w0 h.
  unfold new_plain, answered_future. moves_by_ask (OFutureNew Itself) w0. then_same.
Qed.

Lemma modulo_less n : 0 < n -> forall fuel a, a < fuel -> modulo fuel a n < n.
Proof.
  intro N. induction fuel as [|fuel IH]; simpl; intros a L; [lia|].
  destruct (Nat.ltb_spec a n); auto. apply IH. lia.
Qed.
Lemma modulo_small n fuel a : a < n -> a < fuel -> modulo fuel a n = a.
Proof. intros L F. destruct fuel; [lia|]. simpl. apply Nat.ltb_lt in L. rewrite L. auto. Qed.

Lemma menu_positive w n : menu w = Some n -> 1 < n /\ n = length (ready (kernel_of w)).
Proof.
  unfold menu. destruct (is_over w || _ || _) eqn:E; [discriminate|]. injection 1 as <-.
  apply orb_false_iff in E as [_ E]. apply Nat.ltb_ge in E. lia.
Qed.

(** A16: every list of choices is legal: a step takes one of the menu, whatever number stands in
    the list, and asks for nothing where there is no menu. *)
Theorem every_choice_is_legal : forall p fuel choices w w' choices' picked,
  step p fuel choices w = Some (w', choices', picked) ->
  match menu w with
  | None => picked = [] /\ choices' = choices /\ w' = step_at p fuel 0 w
  | Some n => exists i, i < n /\ picked = [i] /\ choices' = tl choices /\ w' = step_at p fuel i w
  end.
Proof.
  unfold step. intros p fuel o w w' o' picked E. destruct (is_over w); [discriminate|].
  destruct (menu w) as [n|] eqn:M; injection E as <- <- <-; auto.
  apply menu_positive in M as [M _]. exists (modulo (S (hd 0 o)) (hd 0 o) n). split; auto. apply modulo_less; lia.
Qed.

(** A16: to cut a list of choices off is to put zeros there. *)
Theorem truncation_is_zeros : forall p fuel steps choices zeros w,
  run p fuel steps (choices ++ repeat 0 zeros) w = run p fuel steps choices w.
Proof.
  intros p fuel. induction steps as [|n IH]; simpl; intros o z w; auto.
  unfold step. destruct (is_over w); auto. destruct (menu w) as [m|]; [|rewrite IH; auto].
  assert (H : hd 0 (o ++ repeat 0 z) = hd 0 o) by (destruct o, z; auto).
  rewrite H. destruct o as [|c o]; simpl.
  - destruct z; simpl; auto. specialize (IH [] z). simpl in IH. rewrite IH. auto.
  - rewrite IH. auto.
Qed.

Lemma step_none p fuel o w : step p fuel o w = None -> is_over w = true.
Proof. unfold step. destruct (is_over w); auto. destruct (menu w); intro E; discriminate E. Qed.

(** A7: a run is repeated exactly by the picks that it made, whatever stands behind them. *)
Theorem replay_exact : forall p fuel steps choices w more,
  run p fuel steps (snd (run p fuel steps choices w) ++ more) w = run p fuel steps choices w.
Proof.
  intros p fuel. induction steps as [|n IH]; simpl; intros o w x; auto.
  destruct (step p fuel o w) as [[[w1 o1] picked]|] eqn:E.
  - pose proof (every_choice_is_legal _ _ _ _ _ _ _ E) as L.
    destruct (run p fuel n o1 w1) as [w2 picks] eqn:R. specialize (IH o1 w1 x). rewrite R in IH. simpl in IH.
    assert (O : is_over w = false) by (unfold step in E; destruct (is_over w); [discriminate|auto]).
    unfold step. rewrite O. cbn [snd]. destruct (menu w) as [m|].
    + destruct L as (i & L & -> & -> & ->). cbn [app hd tl]. rewrite modulo_small by lia.
      rewrite IH. auto.
    + destruct L as (-> & -> & ->). simpl. rewrite IH. auto.
  - apply step_none in E. unfold step. rewrite E. auto.
Qed.

(** What may happen next: any ready handle may run. *)
Inductive may_step p fuel w : world -> Prop :=
| may_only : is_over w = false -> menu w = None -> may_step p fuel w (step_at p fuel 0 w)
| may_any n i : is_over w = false -> menu w = Some n -> i < n -> may_step p fuel w (step_at p fuel i w).

(** So many steps, or fewer if the run is over. *)
Inductive may_run p fuel : nat -> world -> world -> Prop :=
| run_none w : may_run p fuel 0 w w
| run_over n w : is_over w = true -> may_run p fuel n w w
| run_more n w w1 w2 : may_step p fuel w w1 -> may_run p fuel n w1 w2 -> may_run p fuel (S n) w w2.

(** A8: a list of choices is a schedule. *)
Theorem choices_sound : forall p fuel steps choices w,
  may_run p fuel steps w (fst (run p fuel steps choices w)).
Proof.
  intros p fuel. induction steps as [|n IH]; simpl; intros o w; [constructor|].
  destruct (step p fuel o w) as [[[w1 o1] picked]|] eqn:E.
  - pose proof (every_choice_is_legal _ _ _ _ _ _ _ E) as L.
    assert (O : is_over w = false) by (unfold step in E; destruct (is_over w); [discriminate|auto]).
    specialize (IH o1 w1). destruct (run p fuel n o1 w1). simpl in *. apply run_more with w1; auto.
    destruct (menu w) as [m|] eqn:M.
    + destruct L as (i & L & _ & _ & ->). eapply may_any; eauto.
    + destruct L as (_ & _ & ->). apply may_only; auto.
  - apply run_over. apply step_none in E. exact E.
Qed.

(** A8: every schedule is a list of choices. *)
Theorem choices_complete : forall p fuel steps w w', may_run p fuel steps w w' ->
  exists choices, fst (run p fuel steps choices w) = w'.
Proof.
  intros p fuel steps w w' M. induction M as [w|n w O|n w w1 w2 S M (o & IH)].
  - exists []. auto.
  - exists []. destruct n; simpl; auto. unfold step. rewrite O. auto.
  - destruct S as [O E|m i O E L].
    + exists o. simpl. unfold step. rewrite O, E. destruct (run p fuel n o _). auto.
    + exists (i :: o). cbn [run]. unfold step. rewrite O, E. cbn [hd tl]. rewrite modulo_small; auto.
      destruct (run p fuel n o _). auto.
Qed.

Lemma run_moves p fuel P : (forall i w, is_over w = false ->
    (menu w = None -> moves P w (step_at p fuel 0 w)) /\
    (forall n, menu w = Some n -> i < n -> moves P w (step_at p fuel i w))) ->
  forall steps choices w, moves P w (fst (run p fuel steps choices w)).
Proof.
  intro H. induction steps as [|n IH]; intros o w; simpl; [apply moves_refl|].
  destruct (step p fuel o w) as [[[w1 o1] picked]|] eqn:E; [|apply moves_refl].
  pose proof (every_choice_is_legal _ _ _ _ _ _ _ E) as L.
  assert (O : is_over w = false) by (unfold step in E; destruct (is_over w); [discriminate|auto]).
  specialize (IH o1 w1). destruct (run p fuel n o1 w1). simpl in *. eapply moves_trans; [|exact IH].
  destruct (menu w) as [m|] eqn:M.
  - destruct L as (i & L & _ & _ & ->). eapply (H i w O); eauto.
  - destruct L as (_ & _ & ->). apply (H 0 w O); auto.
Qed.

(** A1 for programs: what a run does to the kernel is an accepted list of operations, so all that
    is proved of those holds of it. *)
Theorem run_is_accepted : forall p fuel steps choices,
  let w := fst (run p fuel steps choices (init p)) in
  accept start (rev (operations (core_of w))) = Some (machine_of (core_of w)).
Proof.
  intros p fuel steps o w.
  assert (M : moves (fun _ => True) nowhere w).
  { eapply moves_trans; [eapply moves_weaken; [|apply init_moves]; auto|]. unfold w. apply run_moves.
    intros i w0 _. split; intros; (eapply moves_weaken; [|apply step_at_moves]; auto). }
  destruct M as (es & O & A & _ & _). simpl in O, A. rewrite app_nil_r in O. rewrite O. exact A.
Qed.

Lemma zeros_moves p fuel : forall steps w, moves (takes_only 0) w (fst (run p fuel steps [] w)).
Proof.
  induction steps as [|n IH]; intro w; simpl; [apply moves_refl|]. unfold step.
  destruct (is_over w); [apply moves_refl|].
  assert (G : moves (takes_only 0) w (fst (let (w, picks) := run p fuel n [] (step_at p fuel 0 w) in (w, picks)))).
  { specialize (IH (step_at p fuel 0 w)). destruct (run p fuel n [] _). simpl in *.
    eapply moves_trans; [apply step_at_moves|exact IH]. }
  destruct (menu w) as [m|] eqn:M; cbn [hd tl].
  - apply menu_positive in M as [M _]. rewrite modulo_small by lia.
    destruct (run p fuel n [] _). exact G.
  - destruct (run p fuel n [] _). exact G.
Qed.

(** Without choices only the first ready handle is ever taken. *)
Theorem zeros_take_the_first : forall p fuel steps o a,
  In (o, a) (operations (core_of (fst (run p fuel steps [] (init p))))) -> takes_only 0 o.
Proof.
  intros p fuel steps o a I.
  assert (M : moves (takes_only 0) nowhere (fst (run p fuel steps [] (init p)))).
  { eapply moves_trans; [eapply moves_weaken; [|apply init_moves]; apply no_take_only|apply zeros_moves]. }
  destruct M as (es & O & _ & F & _). simpl in O. rewrite app_nil_r in O. rewrite O in I.
  rewrite Forall_forall in F. apply (F (o, a) I).
Qed.
