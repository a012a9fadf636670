(** What holds after any list of operations that the checker accepts: whatever the tasks do, under
    every schedule. One sentence in English stands above each theorem. *)
From Coq Require Import List Arith NArith Lia Bool Permutation Sorted.
From Seedloop.Spec Require Import Map Kernel Machine.
From Seedloop.Thm Require Import Lists Closure History Handles Waits Requests Time Delivery Timers
  Futures Cancels Calls.
Import ListNotations.

(** * From one operation to a list *)

Lemma check_applies m o a m' : check_op m o a = Some m' ->
  exists b, apply m o = Some (m', b) /\ same_answer b a = true.
Proof.
  unfold check_op. destruct (apply m o) as [[m1 b]|]; [|discriminate].
  destruct (same_answer b a) eqn:S; [|discriminate]. injection 1 as <-. eauto.
Qed.

Lemma accept_steps (P : machine -> machine -> list (op * answer) -> Prop) :
  (forall m, P m m []) ->
  (forall m m1 m2 o a b l, apply m o = Some (m1, b) -> same_answer b a = true ->
     accept m1 l = Some m2 -> P m1 m2 l -> P m m2 ((o, a) :: l)) ->
  forall l m m', accept m l = Some m' -> P m m' l.
Proof.
  intros N C. induction l as [|[o a] l IH]; simpl; intros m m' A; [injection A as <-; auto|].
  destruct (check_op m o a) as [m1|] eqn:E; [|discriminate].
  apply check_applies in E as (b & E & S). eauto.
Qed.

Lemma good_start : GoodMachine false start.
Proof.
  constructor; simpl.
  - constructor; simpl; try easy; repeat constructor.
  - constructor; [constructor|intros t x m E|constructor|left]; simpl; easy.
  - constructor.
  - constructor; simpl; try easy; try constructor. intros a v n b w o c E. destruct a; discriminate.
  - intro t. simpl. auto.
  - intros c x E. discriminate.
  - intros w [[]|[n []]].
  - auto.
Qed.

Lemma good_apply b m o m' a : apply m o = Some (m', a) -> GoodMachine b m ->
  GoodMachine (b || blocks o) m'.
Proof.
  intros A []. constructor; eauto using handles_apply, alive_apply, conserved_apply, clock_apply,
    deliveries_apply, known_fresh, batch_fits.
  eapply listed_apply; eauto. apply (w_fresh_future _ _ (a_waits _ g_alive)).
Qed.

Lemma good_accept l m m' : accept m l = Some m' -> forall b, GoodMachine b m ->
  GoodMachine (b || blocked_in l) m'.
Proof.
  revert l m m'. apply (accept_steps (fun m m' l => forall b, GoodMachine b m -> GoodMachine (b || blocked_in l) m')).
  - intros m b H. rewrite orb_false_r. auto.
  - intros m m1 m2 o a b l A _ _ IH c H. unfold blocked_in in *. simpl. rewrite orb_assoc. eauto using good_apply.
Qed.

Lemma blocked_in_app a b : blocked_in (a ++ b) = blocked_in a || blocked_in b.
Proof. apply existsb_app. Qed.

(** * A1: the checker is sound *)

(** After any accepted list of operations all invariants hold. *)
Theorem accepted_good : forall l m, accept start l = Some m -> GoodMachine (blocked_in l) m.
Proof. intros l m A. exact (good_accept l start m A false good_start). Qed.

Ltac good A := pose proof (accepted_good _ _ A) as [g_handles g_alive g_conserved g_clock g_deliveries
  g_listed g_timers g_batch]; pose proof g_alive as [a_waits a_requests a_runner a_exclusive].

(** * A2: one place *)

(** Every handle stands at most once among the ready ones and the one that is taken. *)
Theorem handle_once : forall l m, accept start l = Some m -> NoDup (live m).
Proof. intros l m A. good A. exact (h_once _ _ _ g_handles). Qed.

(** A task's step stands there exactly if the task is queued. *)
Theorem step_iff_queued : forall l m t x, accept start l = Some m ->
  find_task t (kern m) = Some x -> (t_queued x = true <-> In (Step t) (live m)).
Proof. intros l m t x A. good A. exact (h_queued _ _ _ g_handles t x). Qed.

(** A callback stands in the list that its place names, and in no other: among the armed timers,
    the callbacks of a future, or the ready handles. *)
Theorem call_in_its_list : forall l m c x, accept start l = Some m ->
  find c (calls (kern m)) = Some x ->
  (c_place x = Armed <-> In c (map timer_call (timers (kern m)))) /\
  (c_place x = OnDone <-> exists f y, find_future f (kern m) = Some y /\ In (RunCall c) (f_callbacks y)) /\
  (c_place x = Queued \/ c_place x = Dead <-> In (Call c) (live m)).
Proof.
  intros l m c x A E. good A. pose proof (g_listed c x E) as L. simpl in L.
  assert (AR : In c (map timer_call (timers (kern m))) -> c_place x = Armed).
  { intro I. apply in_map_iff in I as (w & <- & I). destruct (h_armed _ _ _ g_handles w I) as (z & F & P). congruence. }
  assert (OD : (exists f y, find_future f (kern m) = Some y /\ In (RunCall c) (f_callbacks y)) -> c_place x = OnDone).
  { intros (f & y & F & I). apply calls_of_In in I.
    destruct (h_on_done _ _ _ g_handles f y c F I) as (z & G & P). congruence. }
  assert (LV : In (Call c) (live m) -> c_place x = Queued \/ c_place x = Dead).
  { intro I. destruct (h_call _ _ _ g_handles c I) as (z & F & P). congruence. }
  repeat split; auto.
  - intro P. rewrite P in L. destruct L as (w & I & <-). apply in_map. auto.
  - intro P. rewrite P in L. destruct L as [[]|(f & y & F & I)]. apply calls_of_In in I. eauto.
  - intros [P|P]; rewrite P in L; exact L.
Qed.

(** In its list it stands once. *)
Theorem call_once : forall l m, accept start l = Some m ->
  NoDup (map timer_call (timers (kern m))) /\
  (forall f y, find_future f (kern m) = Some y -> NoDup (calls_of (f_callbacks y))) /\
  (forall f g y z c, find_future f (kern m) = Some y -> find_future g (kern m) = Some z ->
     In (RunCall c) (f_callbacks y) -> In (RunCall c) (f_callbacks z) -> f = g).
Proof.
  intros l m A. good A. split; [exact (h_timer_once _ _ _ g_handles)|].
  split; [exact (h_on_done_once _ _ _ g_handles)|]. intros f g y z c E F I J.
  apply calls_of_In in I. apply calls_of_In in J. exact (h_on_done_one _ _ _ g_handles f g y z c E F I J).
Qed.

(** A pending future calls back each task exactly as often as that task awaits it. *)
Theorem waiter_registered : forall l m t f y, accept start l = Some m ->
  find_future f (kern m) = Some y -> f_state y = Pending ->
  count (is_wake t) (f_callbacks y) = waits t f (kern m).
Proof. intros l m t f y A. good A. exact (w_count _ _ a_waits t f y). Qed.

(** No wake-up is lost: if an operation ends a future, every task that awaited it is queued
    afterwards, unless it has ended. *)
Theorem no_lost_wakeup : forall l m o m' a f t y z, accept start l = Some m ->
  apply m o = Some (m', a) -> find_future f (kern m) = Some y -> f_state y = Pending ->
  find_future f (kern m') = Some z -> f_state z <> Pending -> 0 < waits t f (kern m) ->
  exists x, find_task t (kern m') = Some x /\ (t_ended x = true \/ t_queued x = true).
Proof.
  intros l m o m' a f t y z A O E P F Q C. good A.
  destruct (settles_apply _ _ _ _ O g_alive) as [_ W]. exact (W f y z t E P F Q C).
Qed.

(** A new task is queued. *)
Theorem spawned_is_queued : forall m m' t f, apply m OSpawn = Some (m', ATask t f) ->
  exists x, find_task t (kern m') = Some x /\ t_queued x = true /\ t_future x = f /\
    is_done f (kern m') = false.
Proof.
  intros [k tk rn] m' t f A. cbn [apply kern] in A. unfold spawn, same in A. simpl in A.
  unfold wake, find_task in A. simpl in A. rewrite Nat.eqb_refl in A. simpl in A. injection A as <- <- <-.
  exists (Task (next_future k) 0 true false false false [] None None false 0).
  unfold find_task, is_done, state_of, find_future. simpl. repeat (rewrite !Nat.eqb_refl; simpl). auto.
Qed.

(** A task that yields with [sleep(0)] is queued. *)
Theorem yielding_is_queued : forall l m t m' a, accept start l = Some m ->
  apply m (OPollAwait t None None) = Some (m', a) ->
  exists x, find_task t (kern m') = Some x /\ t_queued x = true.
Proof.
  intros l [k tk rn] t m' a A O. good A. cbn [apply kern running] in *. unfold when, is_running in O. simpl in O.
  destruct rn as [u|]; [|discriminate]. destruct (Nat.eqb_spec t u) as [->|]; [|discriminate].
  destruct (r_lives _ _ a_runner u eq_refl) as (x & E & L). unfold poll_await, find_task in *. rewrite E in O.
  injection O as <- _. cbn [kern].
  apply wake_queues with (set_awaits (t_awaits x ++ [Await None (t_step x)]) x); [|exact L].
  simpl. rewrite find_update, Nat.eqb_refl, E. auto.
Qed.

(** A task that is aborted is queued at once, unless it runs; its next step drops it. *)
Theorem abort_reaches_at_once : forall l m t m' a x, accept start l = Some m ->
  apply m (OAbort t) = Some (m', a) -> find_task t (kern m) = Some x -> t_ended x = false ->
  exists x', find_task t (kern m') = Some x' /\ t_aborted x' = true /\
    (t_queued x' = true \/ t_running x' = true).
Proof.
  intros l [k tk rn] t m' a x A O E L. cbn [apply kern] in *. unfold with_bool, same, abort in O. rewrite E, L in O.
  injection O as <- _. cbn [fst kern]. unfold find_task in *.
  assert (E1 : find t (tasks (in_task t set_aborted k)) = Some (set_aborted x))
    by (simpl; rewrite find_update, Nat.eqb_refl, E; auto).
  destruct (t_running x) eqn:R; cbn [fst]; [eauto|].
  destruct (wake_queues t _ _ E1 L) as (x' & E' & Q). exists x'. repeat split; auto.
  pose proof (keeps_wake t (in_task t set_aborted k) t) as K. rewrite E1, E' in K. simpl in K.
  injection K as _ _ _ _ K _ _ _. auto.
Qed.

(** What is ready stays ready until it is taken. *)
Theorem ready_stays : forall m o m' a h, apply m o = Some (m', a) -> In h (ready (kern m)) ->
  In h (ready (kern m')) \/ a = AHandle h.
Proof. exact History.ready_stays. Qed.

(** A take gives the handle of that index and leaves the others as they are, in their order. *)
Theorem take_takes : forall m i m' a, apply m (OTake i) = Some (m', a) -> exists h before after,
  ready (kern m) = before ++ h :: after /\ length before = i /\
  ready (kern m') = before ++ after /\ a = AHandle h /\ taken m' = Some h.
Proof.
  intros m i m' a A. pose proof (apply_take _ _ _ _ A) as (h & l & r & R & N & R' & -> & _).
  exists h, l, r. repeat split; auto. destruct m as [k tk rn]. cbn [apply kern] in A. unfold when in A.
  destruct (_ && _); [|discriminate]. destruct (take i k) as [[k1 g]|]; [|discriminate].
  injection A as <- <-. auto.
Qed.

(** An iteration's batch is what is ready when it begins; only a take of one of the batch makes it
    smaller. *)
Theorem batch_counts : forall l m o m' a, accept start l = Some m -> apply m o = Some (m', a) ->
  batch (kern m') = match o with
    | OBeginIteration => length (ready (kern m'))
    | OTake i => if i <? batch (kern m) then batch (kern m) - 1 else batch (kern m)
    | _ => batch (kern m)
    end.
Proof. intros l m o m' a A O. good A. eapply batch_apply; eauto. Qed.

(** * A3: cancellation *)

(** A task is told of a cancellation at most as often as one reached it, and what is still to be
    told is counted with it. *)
Theorem delivered_at_most_once : forall l m t, accept start l = Some m ->
  deliveries t (kern m) + outstanding t (kern m) <= requests t (kern m).
Proof. intros l m t A. good A. specialize (g_deliveries t). simpl in g_deliveries. lia. Qed.

(** A delivery happens only in a step of that task, once in a step: when the step begins, or when
    it ends after one of its awaits was told. *)
Theorem delivered_in_a_step : forall t m o m' a, apply m o = Some (m', a) ->
  deliveries t (kern m') = deliveries t (kern m) \/
  (deliveries t (kern m') = S (deliveries t (kern m)) /\
   (o = OBeginStep t \/ exists e, o = OEndStep t e)).
Proof. exact delivered_in_step. Qed.

(** A pending request is never parked: its task is queued, or runs, or awaits a gathering that is
    not done and whose children all are. *)
Theorem request_never_parked : forall l m t x, accept start l = Some m ->
  find_task t (kern m) = Some x -> t_must_cancel x <> None -> t_ended x = false /\
  (t_queued x = true \/ t_running x = true \/
   exists f, In f (awaited x) /\ is_done f (kern m) = false /\ Closing (kern m) f).
Proof.
  intros l m t x A E M. good A. destruct (t_must_cancel x) as [msg|] eqn:Q; [|contradiction].
  destruct (a_requests t x msg E Q) as [L [C|[C|[C|[]]]]]; split; auto. right. right.
  apply awaits_closing_sound. auto.
Qed.

(** A suspended task that is cancelled is queued at once if all that it awaits is done, or can be
    cancelled itself, or is [sleep(0)]. *)
Theorem cancel_reaches_at_once : forall l m t msg m' a x, accept start l = Some m ->
  apply m (OCancelTask t msg) = Some (m', a) -> find_task t (kern m) = Some x ->
  t_ended x = false -> t_running x = false -> plain_awaits x (kern m) ->
  a = ABool true /\ exists x', find_task t (kern m') = Some x' /\ t_queued x' = true.
Proof. intros l m t msg m' a x A. good A. exact (cancel_queues m t msg m' a x g_alive). Qed.

(** And all that it awaits and that can be cancelled itself is done then. *)
Theorem cancel_reaches_every_await : forall l m t msg m' a x f z, accept start l = Some m ->
  apply m (OCancelTask t msg) = Some (m', a) -> find_task t (kern m) = Some x ->
  t_ended x = false -> t_running x = false -> In f (awaited x) ->
  find_future f (kern m) = Some z -> f_on_cancel z = Itself -> is_done f (kern m') = true.
Proof. intros l m t msg m' a x f z A. good A. exact (awaits_end m t msg m' a x f z g_alive). Qed.

(** A gathering that is cancelled cancels every child that can be cancelled itself. *)
Theorem cancel_reaches_every_child : forall l m g msg m' a y gs f z, accept start l = Some m ->
  apply m (OCancel g msg) = Some (m', a) -> find_future g (kern m) = Some y ->
  f_state y = Pending -> f_on_cancel y = Children gs -> In f gs ->
  find_future f (kern m) = Some z -> f_on_cancel z = Itself -> is_done f (kern m') = true.
Proof. intros l m g msg m' a y gs f z A. good A. exact (children_end m g msg m' a y gs f z g_alive). Qed.

(** A second request before the first is delivered changes nothing but the count and the message,
    if the task runs or nothing is left that could be cancelled in its place. *)
Theorem second_request_changes_nothing : forall l m t msg m' a x, accept start l = Some m ->
  apply m (OCancelTask t msg) = Some (m', a) -> find_task t (kern m) = Some x ->
  t_must_cancel x <> None ->
  t_running x = true \/ (forall f, In f (awaited x) -> is_done f (kern m) = true) ->
  a = ABool true /\ m' = Machine (asked_again t msg (kern m)) (taken m) (running m).
Proof. intros l m t msg m' a x A. good A. exact (second_request m t msg m' a x g_alive). Qed.

(** The step that follows a request takes it over: the task is polled and told, or, if it has not
    begun, waits for nothing, or is aborted, it is dropped with the message. *)
Theorem next_step_is_told : forall l m t m' a x msg, accept start l = Some m ->
  apply m (OBeginStep t) = Some (m', a) -> find_task t (kern m) = Some x ->
  t_must_cancel x = Some msg ->
  exists x', find_task t (kern m') = Some x' /\ t_must_cancel x' = None /\ t_step x' = S (t_step x) /\
    ((t_aborted x = true \/ t_step x = 0 \/ t_awaits x = []) /\
       a = AEntry (EntryDrop msg) /\ deliveries t (kern m') = S (deliveries t (kern m)) \/
     (t_aborted x = false /\ t_step x <> 0 /\ t_awaits x <> []) /\
       a = AEntry EntryPoll /\ t_told x' = Some msg).
Proof.
  intros l m t m' a x msg A O E M. good A. destruct (a_requests t x msg E M) as [L _].
  destruct m as [k tk rn]. cbn [apply kern] in *. unfold when in O. destruct (is_taken _ _); [|discriminate].
  unfold begin_step in O. rewrite E, L, M in O. simpl in O. unfold find_task in *.
  destruct (t_aborted x) eqn:AB, (t_step x) eqn:ST, (t_awaits x) eqn:AW; simpl in O; injection O as <- <-; simpl;
    rewrite find_update, Nat.eqb_refl, E; simpl; eexists; (split; [eauto|]); simpl; rewrite ?ST, ?AW;
    (split; [auto|]); (split; [auto|]);
    try (right; repeat split; auto; discriminate);
    left; repeat split; auto; unfold deliveries; simpl; rewrite Nat.eqb_refl; auto.
Qed.

(** An await that was registered before the step hears what its task was told, unless it was
    cancelled itself. *)
Theorem await_hears : forall m t on since m' a x msg,
  apply m (OPollAwait t on (Some since)) = Some (m', a) -> find_task t (kern m) = Some x ->
  t_told x = Some msg -> since < t_step x ->
  (a = AAwait (AwaitTold msg) (Some since) /\ (forall f, on = Some f -> state_of f (kern m) <> Cancelled) \/
   a = AAwait AwaitDone (Some since) /\ (exists f, on = Some f /\ state_of f (kern m) = Cancelled)) /\
  exists x', find_task t (kern m') = Some x' /\ t_told_taken x' = true.
Proof.
  intros [k tk rn] t on since m' a x msg A E T L. cbn [apply kern] in *. unfold when in A.
  destruct (is_running _ _); [|discriminate]. unfold poll_await in A. rewrite E, T in A.
  apply Nat.ltb_lt in L. rewrite L in A. simpl in A. unfold find_task in *.
  assert (X : exists x', find t (update t (set_told_taken true) (tasks k)) = Some x' /\ t_told_taken x' = true)
    by (rewrite find_update, Nat.eqb_refl, E; simpl; eauto).
  destruct on as [f|]; [destruct (state_of f k) eqn:S|]; injection A as <- <-; simpl; split; auto;
    try (left; split; auto; intros g Q; injection Q as <-; congruence); [right; eauto|].
  left. split; auto. discriminate.
Qed.

(** An await that was registered in this step is not told. *)
Theorem new_await_hears_nothing : forall m t on since m' a x msg s,
  apply m (OPollAwait t on (Some since)) = Some (m', a) -> find_task t (kern m) = Some x ->
  t_step x <= since -> a <> AAwait (AwaitTold msg) s.
Proof.
  intros [k tk rn] t on since m' a x msg s A E L. cbn [apply kern] in *. unfold when in A.
  destruct (is_running _ _); [|discriminate]. unfold poll_await in A. rewrite E in A.
  apply Nat.ltb_ge in L. rewrite L in A. simpl in A.
  destruct (match on with Some _ => _ | None => _ end); injection A as _ <-; discriminate.
Qed.

(** What was asked and not delivered in a step is asked again at its end, and so is not parked. *)
Theorem undelivered_is_asked_again : forall l m t m' a x, accept start l = Some m ->
  apply m (OEndStep t ExitPending) = Some (m', a) -> find_task t (kern m) = Some x ->
  asked x <> None -> plain_awaits x (kern m) ->
  exists x', find_task t (kern m') = Some x' /\ t_queued x' = true.
Proof. intros l m t m' a x A. good A. exact (undelivered_queues m t m' a x g_alive). Qed.

(** A task that ends is cancelled exactly if its body ended as cancelled, or finished while a
    request was asked and not delivered. *)
Theorem cancelled_iff : forall l m t e m' a x, accept start l = Some m ->
  apply m (OEndStep t (ExitEnded e)) = Some (m', a) -> find_task t (kern m) = Some x ->
  (state_of (t_future x) (kern m') = Cancelled <->
     (exists msg, e = EndCancelled msg) \/ (e = EndFinished /\ asked x <> None)) /\
  (state_of (t_future x) (kern m') = Finished <-> e = EndFinished /\ asked x = None) /\
  (state_of (t_future x) (kern m') = Failed <-> e = EndFailed).
Proof.
  intros l m t e m' a x A O E. good A. destruct (task_ends _ _ _ _ _ _ g_alive O E) as (y & F & S & _).
  unfold state_of. rewrite F. unfold outcome in S.
  destruct e as [| |msg], (asked x) as [n|]; injection S as -> _ _;
    repeat split; try discriminate; try (intros [? ?]; congruence); auto; try (right; split; congruence);
    try (intros [(? & ?)|(? & ?)]; congruence); try (left; eauto); try (intro; discriminate).
Qed.

(** The message of a task's end is the body's own, or else that of the undelivered request. *)
Theorem end_message : forall l m t e m' a x, accept start l = Some m ->
  apply m (OEndStep t (ExitEnded e)) = Some (m', a) -> find_task t (kern m) = Some x ->
  exists y, find_future (t_future x) (kern m') = Some y /\
  f_message y = match e, asked x with EndCancelled msg, _ => msg | EndFinished, Some msg => msg | _, _ => None end.
Proof.
  intros l m t e m' a x A O E. good A. destruct (task_ends _ _ _ _ _ _ g_alive O E) as (y & F & S & _).
  exists y. split; auto. unfold outcome in S. destruct e, (asked x); injection S; auto.
Qed.

(** A task has ended exactly if its future is done: nothing else can end it. *)
Theorem ended_iff_done : forall l m t x, accept start l = Some m ->
  find_task t (kern m) = Some x -> (t_ended x = true <-> is_done (t_future x) (kern m) = true).
Proof.
  intros l m t x A E. good A. destruct (w_future _ _ a_waits t x E) as (y & F & _ & P1 & P2).
  unfold is_done, state_of, find_future. rewrite F. destruct (t_ended x).
  - split; auto. intros _. destruct (f_state y) eqn:S; auto. specialize (P2 eq_refl eq_refl). discriminate.
  - rewrite (P1 eq_refl). simpl. split; auto.
Qed.

(** Taking a request back counts down, and withdraws what is not yet delivered at 0 alone. *)
Theorem uncancel_counts : forall m t m' a x, apply m (OUncancel t) = Some (m', a) ->
  find_task t (kern m) = Some x -> a = ACount (pred (t_cancels x)) /\
  find_task t (kern m') = Some (set_must_cancel (if t_cancels x =? 1 then None else t_must_cancel x)
    (set_cancels (pred (t_cancels x)) x)).
Proof.
  intros [k tk rn] t m' a x A E. cbn [apply kern] in *. unfold uncancel in A. rewrite E in A. unfold find_task in *.
  destruct (t_cancels x) as [|[|n]] eqn:C; injection A as <- <-; simpl; split; auto;
    rewrite ?find_update, ?Nat.eqb_refl, ?E; simpl; auto.
  destruct x; simpl in *; subst; auto.
Qed.

(** * A4: wakes are conserved *)

(** The handles that ever joined are those that were taken and those that are still ready. *)
Theorem wakes_conserved : forall l m, accept start l = Some m ->
  Permutation (pushed (history (kern m))) (took (history (kern m)) ++ ready (kern m)).
Proof. intros l m A. good A. exact g_conserved. Qed.

(** * A5: time *)

(** A timer never fires early. *)
Theorem never_early : forall l m w n, accept start l = Some m ->
  In (w, n) (fired (history (kern m))) -> (deadline w <= n <= now (kern m))%N.
Proof. intros l m w n A. good A. exact (k_early _ _ g_clock w n). Qed.

(** Where no step blocks the loop a timer fires exactly at its deadline, or when it was armed if
    that was later. *)
Theorem fires_exactly : forall l m w n, accept start l = Some m -> blocked_in l = false ->
  In (w, n) (fired (history (kern m))) -> n = N.max (deadline w) (armed_at w).
Proof. intros l m w n A B. good A. exact (k_exact _ _ g_clock B w n). Qed.

(** Where no step blocks the loop the clock never passes an armed timer. *)
Theorem never_late : forall l m w, accept start l = Some m -> blocked_in l = false ->
  In w (timers (kern m)) -> (now (kern m) <= N.max (deadline w) (armed_at w))%N.
Proof. intros l m w A B. good A. exact (k_future _ _ g_clock B w). Qed.

Lemma origin_accept c d n l m m' : accept m l = Some m' -> c < next_call (kern m) ->
  (forall w, known (kern m) w -> timer_call w = c -> deadline w = d /\ armed_at w = n) ->
  forall w, known (kern m') w -> timer_call w = c -> deadline w = d /\ armed_at w = n.
Proof.
  revert l m m'. apply (accept_steps (fun m m' _ => c < next_call (kern m) ->
    (forall w, known (kern m) w -> timer_call w = c -> deadline w = d /\ armed_at w = n) ->
    forall w, known (kern m') w -> timer_call w = c -> deadline w = d /\ armed_at w = n)); auto.
  intros m m1 m2 o a b l A _ _ IH L H. pose proof (calls_grow _ _ _ _ A). apply IH; [lia|].
  intros w K Q. apply (known_apply _ _ _ _ _ A) in K as [K|(e & x & _ & _ & ->)]; auto. simpl in Q. lia.
Qed.

(** A [sleep(d)] that begins at time n ends at exactly n + d, where no step blocks the loop. *)
Theorem sleep_is_exact : forall l m d x m' c l' m'' w n, accept start l = Some m ->
  apply m (OArm (now (kern m) + d)%N x) = Some (m', ACall c) -> accept m' l' = Some m'' ->
  blocked_in (l ++ l') = false ->
  In (w, n) (fired (history (kern m''))) -> timer_call w = c -> n = (now (kern m) + d)%N.
Proof.
  intros l m d x m' c l' m'' w n A O A' B I Q. good A. rewrite blocked_in_app in B. apply orb_false_iff in B as [B1 B2].
  pose proof (good_apply _ _ _ _ _ O (accepted_good _ _ A)) as G1. pose proof (good_accept _ _ _ A' _ G1) as G2.
  rewrite B1, B2 in G2. pose proof (k_exact _ _ (Words.g_clock _ _ G2) eq_refl w n I) as ->.
  assert (C : c = next_call (kern m)).
  { destruct m as [k tk rn]. cbn [apply kern] in O. unfold when in O. destruct (may_resolve x k); [|discriminate].
    unfold arm, new_call in O. injection O as _ <-. auto. }
  subst c.
  destruct (origin_accept (next_call (kern m)) (now (kern m) + d)%N (now (kern m)) l' m' m'' A') with w as [D N]; auto.
  - destruct m as [k tk rn]. cbn [apply kern] in O. unfold when in O. destruct (may_resolve x k); [|discriminate].
    injection O as <- _. simpl. auto.
  - intros v K V. apply (known_apply _ _ _ _ _ O) in K as [K|(e & y & E & _ & ->)].
    + apply g_timers in K. lia.
    + injection E as <- <-. auto.
  - right. eauto.
  - unfold fires_at. rewrite D, N. lia.
Qed.

(** The clock never goes back. *)
Theorem clock_monotone : forall m o m' a, apply m o = Some (m', a) -> (now (kern m) <= now (kern m'))%N.
Proof. exact Time.clock_monotone. Qed.

(** A blocking step apart, the clock moves only to the least deadline; and an iteration moves it
    only if nothing is ready. *)
Theorem clock_moves : forall l m o m' a, accept start l = Some m -> apply m o = Some (m', a) ->
  now (kern m') <> now (kern m) ->
  (exists ns, o = OBusy ns) \/
  ((exists w, In w (timers (kern m)) /\ deadline w = now (kern m')) /\
   (forall w, In w (timers (kern m)) -> (now (kern m') <= deadline w)%N) /\
   (o = OSlip \/ (o = OBeginIteration /\ ready (kern m) = []))).
Proof.
  intros l m o m' a A O N. good A. destruct (clock_moved _ _ _ _ O N) as [B|[D C]]; auto. right. split; [|split; auto].
  - unfold next_deadline in D. destruct (timers (kern m)) as [|w ws]; [discriminate|]. injection D as D.
    exists w. split; [left|]; auto.
  - apply least_deadline; auto. exact (k_sorted _ _ g_clock).
Qed.

(** When an iteration has begun, or the clock has slipped, no timer that is due is left behind. *)
Theorem due_timers_fire : forall l m o m' a w, accept start l = Some m -> apply m o = Some (m', a) ->
  o = OBeginIteration \/ (o = OSlip /\ a = ABool true) ->
  In w (timers (kern m')) -> (now (kern m') < deadline w)%N.
Proof.
  intros l m o m' a w A O C I. good A. pose proof (h_sorted _ _ _ g_handles) as S.
  assert (F : forall k1, StronglySorted before (timers k1) -> In w (timers (collect_due k1)) ->
    (now (collect_due k1) < deadline w)%N).
  { intros k1 S1 J. rewrite collect_now. unfold collect_due in J.
    destruct (due (now k1) (timers k1)) as [p r] eqn:E. destruct (due_parts _ _ _ _ E S1) as (_ & _ & G).
    destruct (fire_fields p (set_timers r (registrations k1) k1)) as (_ & T & _). rewrite T in J. auto. }
  destruct m as [k tk rn]. cbn [kern] in *. destruct C as [->|[-> ->]]; cbn [apply kern] in O; unfold when in O;
    (destruct (at_rest _); [|discriminate]).
  - pose proof (begin_iteration_is k) as (n & _ & [(_ & E & _ & _ & T)|(_ & _ & E)]);
      destruct (begin_iteration k) as [k1 t1]; injection O as <- _; cbn [fst kern] in *; subst k1.
    + simpl in I. rewrite T in I. destruct I.
    + simpl in I. simpl. apply F; auto.
  - destruct (slip_is k) as (n & [(_ & _ & E)| E]); unfold with_bool, same in O; rewrite E in O; [|discriminate].
    injection O as <-. cbn [fst kern] in *. apply F; auto.
Qed.

(** Timers of one instant fire in order of registration. *)
Theorem ties_in_order : forall l m earlier v n between w o later, accept start l = Some m ->
  fired (history (kern m)) = earlier ++ (v, n) :: between ++ (w, o) :: later ->
  deadline v = deadline w -> registration v < registration w.
Proof. intros l m e v n b w o c A. good A. exact (k_ties _ _ g_clock e v n b w o c). Qed.

(** * A6: idleness *)

(** An iteration is idle exactly if nothing is ready, no timer is armed, and the loop is not to stop. *)
Theorem idle_iff : forall m m' turn, apply m OBeginIteration = Some (m', ATurn turn) ->
  (turn = TurnIdle <-> ready (kern m) = [] /\ timers (kern m) = [] /\ stopping (kern m) = false).
Proof.
  intros [k tk rn] m' turn A. cbn [apply kern] in *. unfold when in A. destruct (at_rest _); [|discriminate].
  pose proof (begin_iteration_is k) as (n & _ & C). destruct (begin_iteration k) as [k1 t1]. injection A as _ <-.
  simpl in C. destruct C as [(-> & _ & R & S & T)|(N & C & _)]; split; auto; try contradiction.
  intros (R & T & S). exfalso. auto.
Qed.

(** If an iteration is idle, no live task is queued or runs; each pending future that it awaits
    will wake it; and a request to cancel it waits for a gathering whose children are all done. *)
Theorem idle_tasks_wait : forall l m m' t x, accept start l = Some m ->
  apply m OBeginIteration = Some (m', ATurn TurnIdle) ->
  find_task t (kern m') = Some x -> t_ended x = false ->
  t_queued x = false /\ t_running x = false /\ is_done (t_future x) (kern m') = false /\
  (forall f y, In f (awaited x) -> find_future f (kern m') = Some y -> f_state y = Pending ->
     In (WakeTask t) (f_callbacks y)) /\
  (t_must_cancel x <> None ->
     exists f, In f (awaited x) /\ is_done f (kern m') = false /\ Closing (kern m') f).
Proof.
  intros l m m' t x A O E L.
  pose proof (proj1 (idle_iff _ _ _ O) eq_refl) as (R & _ & _).
  pose proof (good_apply _ _ _ _ _ O (accepted_good _ _ A)) as [GH [W RQ RN _] _ _ _ _ _ _].
  assert (S : ready (kern m') = [] /\ taken m' = None /\ running m' = None).
  { destruct m as [k tk rn]. cbn [apply kern] in *. unfold when, at_rest in O. simpl in O.
    destruct tk, rn; try discriminate. simpl in O.
    pose proof (begin_iteration_is k) as (n & _ & C). destruct (begin_iteration k) as [k1 t1].
    injection O as <- ->. simpl in *. destruct C as [(_ & -> & _)|(N & _)]; [|contradiction]. auto. }
  destruct S as (S1 & S2 & S3). unfold find_task, find_future in *.
  assert (Q : t_queued x = false).
  { apply not_true_is_false. intro Q. apply (h_queued _ _ _ GH t x E) in Q. rewrite S1, S2 in Q. destruct Q. }
  assert (U : t_running x = false).
  { apply not_true_is_false. intro U. apply (r_running _ _ RN t x E) in U. congruence. }
  repeat split; auto.
  - destruct (w_future _ _ W t x E) as (y & F & _ & P & _). unfold is_done, state_of, find_future. rewrite F, P; auto.
  - intros f y I F P. assert (C : 0 < count (is_wake t) (f_callbacks y)).
    { rewrite (w_count _ _ W t f y F P). unfold waits. rewrite E. apply count_pos. exists f.
      rewrite Nat.eqb_refl. auto. }
    apply count_pos in C as ([u|c] & J & C); [|discriminate]. simpl in C. apply Nat.eqb_eq in C. subst. auto.
  - intro M. destruct (t_must_cancel x) as [msg|] eqn:Z; [|contradiction].
    destruct (RQ t x msg E Z) as [_ [C|[C|[C|[]]]]]; try congruence. apply awaits_closing_sound. auto.
Qed.

(** * A9: order *)

Lemma fifo_accept l m m' : accept m l = Some m' -> no_choice l -> fifo (kern m) -> fifo (kern m').
Proof.
  revert l m m'. apply (accept_steps (fun m m' l => no_choice l -> fifo (kern m) -> fifo (kern m'))); auto.
  intros m m1 m2 o a b l A _ _ IH N F. inversion N; subst. eauto using fifo_apply.
Qed.

(** Without choices the handles are taken in the order in which they joined. *)
Theorem first_in_first_out : forall l m, accept start l = Some m -> no_choice l ->
  pushed (history (kern m)) = took (history (kern m)) ++ ready (kern m).
Proof. intros l m A N. exact (fifo_accept l start m A N eq_refl). Qed.

Lemma same_handle_eq h g : same_handle h g = true -> h = g.
Proof. destruct h, g; simpl; try discriminate; intro E; apply Nat.eqb_eq in E; subst; auto. Qed.

Lemma takes_first l m m' : accept m l = Some m' -> no_choice l ->
  exists joined, ready (kern m) ++ joined = takes l ++ ready (kern m').
Proof.
  revert l m m'. apply (accept_steps (fun m m' l => no_choice l ->
    exists joined, ready (kern m) ++ joined = takes l ++ ready (kern m'))).
  - intros m _. exists []. rewrite app_nil_r. auto.
  - intros m m1 m2 o a b l A S _ IH N. inversion N as [|? ? F N']; subst. simpl in F. destruct (IH N') as (j & J). clear IH.
    destruct (match o with OTake i => inl i | _ => inr tt end) as [i|] eqn:O.
    + destruct o; try discriminate. injection O as ->. rewrite (F i eq_refl) in A.
      apply apply_take in A as (h & p & r & R & L & R' & -> & _). destruct p; [|discriminate].
      destruct a; try discriminate S. simpl in S. apply same_handle_eq in S. subst h0. exists j. simpl in *.
      rewrite R. simpl. rewrite <- J, R'. auto.
    + assert (T : takes ((o, a) :: l) = takes l).
      { destruct a; auto. exfalso. destruct b; try discriminate S. destruct m as [k tk rn].
        destruct o; cbn [apply] in A; unfold when in A;
          repeat match type of A with
          | context[if ?c then _ else _] => destruct c
          | context[let (_, _) := ?c in _] => destruct c
          end; try discriminate. }
      rewrite T. apply apply_adds in A as (es & _ & _ & R); [|intros i ->; discriminate].
      exists (pushed es ++ j). rewrite app_assoc, <- R. auto.
Qed.

(** Without choices the handle that is k-th among the ready ones is the k-th that is taken. *)
Theorem taken_in_order : forall l m m' k h, accept m l = Some m' -> no_choice l ->
  nth_error (ready (kern m)) k = Some h -> k < length (takes l) -> nth_error (takes l) k = Some h.
Proof.
  intros l m m' k h A N E L. destruct (takes_first l m m' A N) as (j & J).
  rewrite <- (nth_error_app1 (takes l) (ready (kern m')) L), <- J, nth_error_app1; auto.
  apply nth_error_Some. congruence.
Qed.

(** The callbacks and the waiters of a future join the ready handles in order of registration; of
    the waiters those that are not yet queued. *)
Theorem settled_in_order : forall l m f s m' y, accept start l = Some m ->
  apply m (OResolve f s) = Some (m', ABool true) -> find_future f (kern m) = Some y ->
  exists joined, ready (kern m') = ready (kern m) ++ joined /\
    subsequence joined (map handle_of (f_callbacks y)) /\
    (forall h, In h (map handle_of (f_callbacks y)) -> In h (live m')).
Proof.
  intros l m f s m' y A O E. good A. pose proof (good_apply _ _ _ _ _ O (accepted_good _ _ A)) as [GH _ _ _ _ _ _ _].
  destruct m as [k tk rn]. cbn [apply kern taken] in *. unfold when in O. destruct (_ && _) eqn:B; [|discriminate].
  unfold with_bool, same in O. simpl in O. injection O as <- O.
  assert (P : f_state y = Pending).
  { unfold settle in O. rewrite E in O. destruct (f_state y); auto; discriminate. }
  destruct (settle_in_order f s None false k y E P) as (j & R & S & C). simpl. exists j. repeat split; auto.
  intros h I. apply in_map_iff in I as ([t|c] & <- & I); unfold live; simpl in *.
  - assert (Q : 0 < waits t f k).
    { rewrite <- (w_count _ _ a_waits t f y E P). apply count_pos. exists (WakeTask t). simpl.
      rewrite Nat.eqb_refl. auto. }
    pose proof (woken_settle None f s None false k a_waits) as WK.
    destruct (wk_woken _ _ WK f y _ t E P (settle_is f s None false k y E P)) as (x & Ex & Qx); auto.
    + apply andb_true_iff in B as [_ B]. simpl. destruct s; discriminate.
    + apply (h_queued _ _ _ GH t x Ex). auto.
  - rewrite R. apply in_app_iff. right. apply in_app_iff. auto.
Qed.

(** A new waiter or callback of a pending future is registered behind the others. *)
Theorem registered_last : forall m o m' a f y, apply m o = Some (m', a) ->
  find_future f (kern m) = Some y -> f_state y = Pending ->
  (o = OOnDone f -> exists c, a = ACall c /\ option_map f_callbacks (find_future f (kern m')) =
     Some (f_callbacks y ++ [RunCall c])) /\
  (forall t x, o = OPollAwait t (Some f) None -> find_task t (kern m) = Some x ->
     option_map f_callbacks (find_future f (kern m')) = Some (f_callbacks y ++ [WakeTask t])).
Proof.
  intros [k tk rn] o m' a f y A E P. cbn [kern] in *. unfold find_future, find_task in *.
  assert (D : is_done f k = false) by (unfold is_done, state_of, find_future; rewrite E, P; auto).
  split.
  - intros ->. cbn [apply kern] in A. unfold on_done in A. rewrite D in A. injection A as <- <-.
    eexists. split; eauto. simpl. rewrite find_update, Nat.eqb_refl, E. auto.
  - intros t x -> F. cbn [apply kern] in A. unfold when in A. destruct (is_running _ _); [|discriminate].
    unfold poll_await, find_task in A. rewrite F, D in A. simpl in A. injection A as <- _.
    simpl. rewrite find_update, Nat.eqb_refl, E. auto.
Qed.

(** * A12: a future is done once *)

(** A future that is done keeps its state for as long as it is there. *)
Theorem done_stays : forall l m o m' a f y, accept start l = Some m -> apply m o = Some (m', a) ->
  find_future f (kern m) = Some y -> f_state y <> Pending ->
  match find_future f (kern m') with
  | Some z => f_state z = f_state y
  | None => released o (kern m) f
  end.
Proof.
  intros l m o m' a f y A O E P. good A. destruct (settles_apply _ _ _ _ O g_alive) as [[_ V] _].
  specialize (V f (w_fresh_future _ _ a_waits f y E)). unfold find_future in *. rewrite E in V.
  destruct (find f (futures (kern m'))); auto. destruct V as [_ [V|V]]; [contradiction|auto].
Qed.

(** A pending future stays there, pending or done, until it is released. *)
Theorem future_stays : forall l m o m' a f, accept start l = Some m -> apply m o = Some (m', a) ->
  find_future f (kern m) <> None -> find_future f (kern m') = None -> released o (kern m) f.
Proof.
  intros l m o m' a f A O E N. good A. destruct (settles_apply _ _ _ _ O g_alive) as [[_ V] _].
  unfold find_future in *. destruct (find f (futures (kern m))) as [y|] eqn:F; [|contradiction].
  specialize (V f (w_fresh_future _ _ a_waits f y F)). rewrite F, N in V. auto.
Qed.

(** A number that a future once had is not given again. *)
Theorem ids_never_reused : forall l m o m' a f, accept start l = Some m -> apply m o = Some (m', a) ->
  f < next_future (kern m) -> find_future f (kern m) = None ->
  f < next_future (kern m') /\ find_future f (kern m') = None.
Proof.
  intros l m o m' a f A O L E. good A. destruct (settles_apply _ _ _ _ O g_alive) as [[G V] _].
  specialize (V f L). unfold find_future in *. rewrite E in V. split; [lia|].
  destruct (find f (futures (kern m'))); [destruct V|auto].
Qed.

(** To resolve or cancel a future that is done changes nothing and answers false. *)
Theorem settled_once : forall m o m' a f, apply m o = Some (m', a) -> is_done f (kern m) = true ->
  (exists s, o = OResolve f s) \/ (exists msg, o = OCancel f msg) -> m' = m /\ a = ABool false.
Proof.
  intros [k tk rn] o m' a f A D C. cbn [kern] in *. unfold is_done, state_of in D.
  destruct C as [(s & ->)|(msg & ->)]; cbn [apply kern] in A; unfold when, with_bool, same in A.
  - destruct (_ && _); [|discriminate]. unfold settle in A. destruct (find_future f k) as [y|];
      [destruct (f_state y); try discriminate|]; injection A as <- <-; auto.
  - unfold cancel in A. destruct (depth_positive k) as [n Q]. rewrite Q in A. cbn [cancel_future] in A.
    destruct (find_future f k) as [y|]; [destruct (f_state y); try discriminate|]; injection A as <- <-; auto.
Qed.

(** * Nothing is disabled *)

(** A ready handle that is cancelled keeps its place. *)
Theorem cancelled_handle_stays : forall l m c m' a, accept start l = Some m ->
  apply m (OCancelCall c) = Some (m', a) -> In (Call c) (ready (kern m)) ->
  ready (kern m') = ready (kern m) /\ batch (kern m') = batch (kern m) /\
  exists x, find c (calls (kern m')) = Some x /\ c_place x = Dead.
Proof.
  intros l m c m' a A O I. good A.
  destruct (h_call _ _ _ g_handles c) as (x & E & P); [apply in_app_iff; auto|].
  destruct m as [k tk rn]. cbn [apply kern] in *. unfold when in O. rewrite E in O.
  destruct P as [P|P]; unfold with_bool, same, cancel_call in O; rewrite E, P in O; injection O as <- _; simpl;
    repeat split; auto; [|eauto].
  rewrite find_update, Nat.eqb_refl, E. simpl. eauto.
Qed.

(** A cancelled handle does nothing when its turn comes. *)
Theorem cancelled_handle_does_nothing : forall m c m' a x, apply m (OBeginCall c) = Some (m', a) ->
  find c (calls (kern m)) = Some x -> c_place x = Dead ->
  a = AAction None /\ m' = Machine (set_calls (remove c (calls (kern m))) (kern m)) None None.
Proof.
  intros [k tk rn] c m' a x A E P. cbn [apply kern] in *. unfold when in A. destruct (is_taken _ _); [|discriminate].
  unfold begin_call in A. rewrite E, P in A. injection A as <- <-. auto.
Qed.

(** An armed timer leaves the timers only by firing now, and then it is ready, or by being
    cancelled itself. *)
Theorem timer_stays : forall m o m' a w, apply m o = Some (m', a) -> In w (timers (kern m)) ->
  In w (timers (kern m')) \/ o = OCancelCall (timer_call w) \/
  (In (w, now (kern m')) (fired (history (kern m'))) /\ In (Call (timer_call w)) (ready (kern m'))).
Proof. exact timer_apply. Qed.

(** A done callback that is taken back is gone, and the others stay in their order. *)
Theorem removed_callback_is_gone : forall l m f c m' a y, accept start l = Some m ->
  apply m (ORemoveOnDone f c) = Some (m', a) -> find_future f (kern m) = Some y ->
  option_map f_callbacks (find_future f (kern m')) =
    Some (filter (fun cb => negb (is_call c cb)) (f_callbacks y)) /\
  (In (RunCall c) (f_callbacks y) -> a = ABool true /\ find c (calls (kern m')) = None).
Proof.
  intros l [k tk rn] f c m' a y A O E. clear A. cbn [apply kern] in *. unfold with_bool, same, remove_on_done in O.
  rewrite E in O. unfold find_future in *. destruct (existsb (is_call c) (f_callbacks y)) eqn:X; injection O as <- <-; simpl.
  - rewrite find_update, Nat.eqb_refl, E. split; auto. intros _. split; auto. rewrite find_remove, Nat.eqb_refl. auto.
  - rewrite E. simpl. split.
    + f_equal. symmetry. induction (f_callbacks y) as [|cb r IH]; auto. simpl in *.
      apply orb_false_iff in X as [X1 X2]. rewrite X1. simpl. f_equal. auto.
    + intro I. exfalso. assert (Z : existsb (is_call c) (f_callbacks y) = true); [|congruence].
      apply existsb_exists. exists (RunCall c). split; auto. simpl. apply Nat.eqb_refl.
Qed.
