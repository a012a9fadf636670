(** In each theorem the thing that it speaks of really happens. *)
From Coq Require Import List Arith NArith Bool.
From Seedloop.Spec Require Import Map Kernel Machine Words Scenes.
Import ListNotations.

Ltac computed := vm_compute; repeat split; reflexivity.

Definition queue (m : machine) : list handle := ready (kern m).
Definition of_task {A} (g : task -> A) t (m : machine) : option A := option_map g (find_task t (kern m)).
Definition is_in (f : future_id) (m : machine) : option state := option_map f_state (find_future f (kern m)).
Definition place_of c (m : machine) : option place := option_map c_place (find c (calls (kern m))).
Definition clock (m : machine) : time := now (kern m).
Definition firings (m : machine) := map (fun c => (timer_call (fst c), snd c)) (fired (history (kern m))).

(** * A1 *)

(** A task sleeps, is cancelled, and ends as cancelled: all is accepted. *)
Example accepted_good_happens : after
  (sleeping ++ [OCancelTask 0 None; OBeginIteration; OTake 0; OBeginStep 0;
    OPollAwait 0 (Some 0) (Some 1); OEndAwait 0 (Some 0) 1; OEndStep 0 (ExitEnded (EndCancelled None))])
  (fun m => (is_in 0 m, is_in 1 m, of_task t_ended 0 m)) = Some (Some Cancelled, Some Cancelled, Some true).
Proof. computed. Qed.

(** * A2 *)

(** A task that is woken twice stands there once. *)
Example handle_once_happens : after (suspended ++ [OWake 0; OWake 0; OCallSoon Closure]) live =
  Some [Step 0; Call 0].
Proof. computed. Qed.

Example step_iff_queued_happens :
  after suspended (fun m => (of_task t_queued 0 m, live m)) = Some (Some false, []) /\
  after (suspended ++ [OResolve 0 Failed]) (fun m => (of_task t_queued 0 m, live m)) =
    Some (Some true, [Step 0]) /\
  after (suspended ++ [OResolve 0 Failed; OBeginIteration; OTake 0]) (fun m => (of_task t_queued 0 m, live m)) =
    Some (Some true, [Step 0]).
Proof. computed. Qed.

Example call_in_its_list_happens :
  after [OFutureNew Itself; OOnDone 0; OArm 5%N Closure; OCallSoon Closure; OCallSoon Closure; OCancelCall 3]
    (fun m => ([place_of 0 m; place_of 1 m; place_of 2 m; place_of 3 m], queue m)) =
  Some ([Some OnDone; Some Armed; Some Queued; Some Dead], [Call 2; Call 3]).
Proof. computed. Qed.

Example call_once_happens :
  after [OFutureNew Itself; OFutureNew Itself; OOnDone 0; OOnDone 1; OOnDone 0; OArm 5%N Closure; OArm 5%N Closure]
    (fun m => (map (fun f => f_callbacks (snd f)) (futures (kern m)), map timer_call (timers (kern m)))) =
  Some ([[RunCall 1]; [RunCall 0; RunCall 2]], [3; 4]).
Proof. computed. Qed.

(** A task awaits one future twice, and another once. *)
Example waiter_registered_happens :
  after [OFutureNew Itself; OFutureNew Itself; OSpawn; OBeginIteration; OTake 0; OBeginStep 0;
      OPollAwait 0 (Some 0) None; OPollAwait 0 (Some 1) None; OPollAwait 0 (Some 0) None]
    (fun m => (waits 0 0 (kern m), option_map f_callbacks (find_future 0 (kern m)), waits 0 1 (kern m))) =
  Some (2, Some [WakeTask 0; WakeTask 0], 1).
Proof. computed. Qed.

Example no_lost_wakeup_happens :
  after two_waiters (fun m => (waits 0 0 (kern m), waits 1 0 (kern m), queue m)) = Some (1, 1, []) /\
  after (two_waiters ++ [OResolve 0 Finished])
    (fun m => (is_in 0 m, of_task t_queued 0 m, of_task t_queued 1 m)) =
  Some (Some Finished, Some true, Some true).
Proof. computed. Qed.

Example spawned_is_queued_happens :
  answers [OFutureNew Itself] OSpawn = Some (ATask 0 1) /\ after [OFutureNew Itself; OSpawn] queue = Some [Step 0].
Proof. computed. Qed.

Example yielding_is_queued_happens :
  after (in_a_step ++ [OPollAwait 0 None None]) (fun m => (queue m, of_task t_running 0 m)) =
  Some ([Step 0], Some true).
Proof. computed. Qed.

Example abort_reaches_at_once_happens :
  after (suspended ++ [OAbort 0]) queue = Some [Step 0] /\
  answers (suspended ++ [OAbort 0; OBeginIteration; OTake 0]) (OBeginStep 0) = Some (AEntry (EntryDrop None)).
Proof. computed. Qed.

Example ready_stays_happens :
  after (three_calls ++ [OCancelCall 2; OTake 1]) queue = Some [Call 0; Call 2] /\
  answers (three_calls ++ [OCancelCall 2]) (OTake 1) = Some (AHandle (Call 1)).
Proof. computed. Qed.

Example take_takes_happens :
  after three_calls queue = Some [Call 0; Call 1; Call 2] /\
  answers three_calls (OTake 1) = Some (AHandle (Call 1)) /\
  after (three_calls ++ [OTake 1]) (fun m => (queue m, taken m)) = Some ([Call 0; Call 2], Some (Call 1)).
Proof. computed. Qed.

(** A handle joins during the iteration, and is taken before the batch is through. *)
Example batch_counts_happens :
  after three_calls (fun m => batch (kern m)) = Some 3 /\
  after (three_calls ++ [OTake 0; OBeginCall 0]) (fun m => batch (kern m)) = Some 2 /\
  after (three_calls ++ [OTake 0; OBeginCall 0; OCallSoon Closure; OTake 2; OBeginCall 3])
    (fun m => (batch (kern m), queue m)) = Some (2, [Call 1; Call 2]).
Proof. computed. Qed.

(** * A3 *)

(** Three requests, one delivery, and one that is still to be told. *)
Example delivered_at_most_once_happens :
  after (yielding ++ [OCancelTask 0 None; OCancelTask 0 None; OBeginIteration; OTake 0; OBeginStep 0;
      OPollAwait 0 None (Some 1); OEndAwait 0 None 1; OPollAwait 0 None None; OEndStep 0 ExitPending; OCancelTask 0 None])
    (fun m => (requests 0 (kern m), deliveries 0 (kern m), outstanding 0 (kern m))) = Some (3, 1, 1).
Proof. computed. Qed.

Example delivered_in_a_step_happens :
  after heard (fun m => deliveries 0 (kern m)) = Some 0 /\
  after (heard ++ [OEndStep 0 (ExitEnded (EndCancelled None))]) (fun m => deliveries 0 (kern m)) = Some 1 /\
  after [OSpawn; OCancelTask 0 None; OBeginIteration; OTake 0] (fun m => deliveries 0 (kern m)) = Some 0 /\
  after [OSpawn; OCancelTask 0 None; OBeginIteration; OTake 0; OBeginStep 0]
    (fun m => deliveries 0 (kern m)) = Some 1.
Proof. computed. Qed.

(** A request waits for a gathering whose child is done, and the gathering ends and wakes its task. *)
Example request_never_parked_happens :
  after parked (fun m => (of_task t_must_cancel 0 m, of_task t_queued 0 m, of_task t_running 0 m,
    is_in 1 m, is_in 0 m)) = Some (Some (Some (Some 7)), Some false, Some false, Some Pending, Some Finished) /\
  after (parked ++ [OResolve 1 Finished]) (of_task t_queued 0) = Some (Some true).
Proof. computed. Qed.

(** Of two awaits one can be cancelled, and one is done. *)
Example cancel_reaches_at_once_happens :
  after (suspended ++ [OCancelTask 0 None]) (fun m => (of_task t_queued 0 m, is_in 0 m)) =
    Some (Some true, Some Cancelled) /\
  after (two_awaits ++ [OResolve 0 Finished; OBeginIteration; OTake 0; OBeginStep 0; OEndStep 0 ExitPending;
      OCancelTask 0 None])
    (fun m => (of_task t_queued 0 m, is_in 0 m, is_in 1 m, of_task t_must_cancel 0 m)) =
    Some (Some true, Some Finished, Some Cancelled, Some (Some None)).
Proof. computed. Qed.

Example cancel_reaches_every_await_happens :
  after (two_awaits ++ [OCancelTask 0 None]) (fun m => (is_in 0 m, is_in 1 m)) =
  Some (Some Cancelled, Some Cancelled).
Proof. computed. Qed.

Example cancel_reaches_every_child_happens :
  after ([OFutureNew Itself; OFutureNew Itself; OFutureNew (Children [0; 1]); OCancel 2 None])
    (fun m => (is_in 0 m, is_in 1 m, is_in 2 m)) = Some (Some Cancelled, Some Cancelled, Some Pending).
Proof. computed. Qed.

Example second_request_changes_nothing_happens :
  after (yielding ++ [OCancelTask 0 None]) (fun m => (queue m, of_task t_must_cancel 0 m, of_task t_cancels 0 m)) =
    Some ([Step 0], Some (Some None), Some 1) /\
  after (yielding ++ [OCancelTask 0 None; OCancelTask 0 (Some 7)])
    (fun m => (queue m, of_task t_must_cancel 0 m, of_task t_cancels 0 m)) =
    Some ([Step 0], Some (Some (Some 7)), Some 2) /\
  after (in_a_step ++ [OCancelTask 0 None; OCancelTask 0 (Some 7)])
    (fun m => (of_task t_must_cancel 0 m, of_task t_cancels 0 m)) = Some (Some (Some (Some 7)), Some 2).
Proof. computed. Qed.

Example next_step_is_told_happens :
  answers (yielding ++ [OCancelTask 0 (Some 7); OBeginIteration; OTake 0]) (OBeginStep 0) = Some (AEntry EntryPoll) /\
  after told (of_task t_told 0) = Some (Some (Some (Some 7))) /\
  answers [OSpawn; OCancelTask 0 (Some 7); OBeginIteration; OTake 0] (OBeginStep 0) =
    Some (AEntry (EntryDrop (Some 7))).
Proof. computed. Qed.

Example await_hears_happens :
  answers told (OPollAwait 0 None (Some 1)) = Some (AAwait (AwaitTold (Some 7)) (Some 1)) /\
  answers (two_awaits ++ [OResolve 1 Finished; OCancelTask 0 (Some 7); OBeginIteration; OTake 0; OBeginStep 0])
    (OPollAwait 0 (Some 0) (Some 1)) = Some (AAwait AwaitDone (Some 1)).
Proof. computed. Qed.

Example new_await_hears_nothing_happens :
  answers (told ++ [OEndAwait 0 None 1; OPollAwait 0 None None]) (OPollAwait 0 None (Some 2)) =
  Some (AAwait AwaitPending (Some 2)).
Proof. computed. Qed.

(** No await hears of the request, and a new one has begun: it is cancelled in its place. *)
Example undelivered_is_asked_again_happens :
  after ([OFutureNew Itself] ++ told ++ [OEndAwait 0 None 1; OPollAwait 0 (Some 0) None])
    (fun m => (of_task asked 0 m, of_task t_queued 0 m, is_in 0 m)) =
    Some (Some (Some (Some 7)), Some false, Some Pending) /\
  after ([OFutureNew Itself] ++ told ++ [OEndAwait 0 None 1; OPollAwait 0 (Some 0) None; OEndStep 0 ExitPending])
    (fun m => (of_task t_queued 0 m, is_in 0 m)) = Some (Some true, Some Cancelled).
Proof. computed. Qed.

(** It ends by itself, by an error, as cancelled, and finished although it was cancelled. *)
Example cancelled_iff_happens :
  after (in_a_step ++ [OEndStep 0 (ExitEnded EndFinished)]) (is_in 0) = Some (Some Finished) /\
  after (in_a_step ++ [OCancelTask 0 None; OEndStep 0 (ExitEnded EndFailed)]) (is_in 0) = Some (Some Failed) /\
  after (heard ++ [OEndStep 0 (ExitEnded (EndCancelled None))]) (is_in 0) = Some (Some Cancelled) /\
  after (heard ++ [OEndStep 0 (ExitEnded EndFinished)]) (is_in 0) = Some (Some Finished) /\
  after (in_a_step ++ [OCancelTask 0 None; OEndStep 0 (ExitEnded EndFinished)]) (is_in 0) = Some (Some Cancelled).
Proof. computed. Qed.

Example end_message_happens :
  after (in_a_step ++ [OCancelTask 0 (Some 7); OEndStep 0 (ExitEnded EndFinished)])
    (fun m => option_map f_message (find_future 0 (kern m))) = Some (Some (Some 7)) /\
  after (heard ++ [OEndStep 0 (ExitEnded (EndCancelled (Some 8)))])
    (fun m => option_map f_message (find_future 0 (kern m))) = Some (Some (Some 8)).
Proof. computed. Qed.

Example ended_iff_done_happens :
  after in_a_step (fun m => (of_task t_ended 0 m, is_in 0 m)) = Some (Some false, Some Pending) /\
  after (in_a_step ++ [OEndStep 0 (ExitEnded EndFailed)]) (fun m => (of_task t_ended 0 m, is_in 0 m)) =
    Some (Some true, Some Failed).
Proof. computed. Qed.

Example uncancel_counts_happens :
  after (yielding ++ [OCancelTask 0 None; OCancelTask 0 None; OUncancel 0])
    (fun m => (of_task t_cancels 0 m, of_task t_must_cancel 0 m)) = Some (Some 1, Some (Some None)) /\
  after (yielding ++ [OCancelTask 0 None; OCancelTask 0 None; OUncancel 0; OUncancel 0])
    (fun m => (of_task t_cancels 0 m, of_task t_must_cancel 0 m)) = Some (Some 0, Some None) /\
  answers yielding (OUncancel 0) = Some (ACount 0).
Proof. computed. Qed.

(** * A4 *)

(** The second of three is taken first. *)
Example wakes_conserved_happens :
  after (three_calls ++ [OTake 1; OBeginCall 1; OTake 0])
    (fun m => (pushed (history (kern m)), took (history (kern m)), queue m)) =
  Some ([Call 0; Call 1; Call 2], [Call 1; Call 0], [Call 2]).
Proof. computed. Qed.

(** * A5 *)

(** A step blocks the loop until 9: the timer of 5 fires late, at 9. *)
Example never_early_happens :
  after (sleeping ++ [OBusy 9%N; OBeginIteration]) (fun m => (firings m, clock m)) = Some ([(0, 9%N)], 9%N).
Proof. computed. Qed.

(** A timer of the past fires at once. *)
Example fires_exactly_happens :
  after (three_timers ++ [OBeginIteration; OArm 1%N Closure; OTake 0; OBeginCall 2; OBeginIteration]) firings =
    Some [(2, 3%N); (3, 3%N)] /\
  after (sleeping ++ [OBeginIteration]) firings = Some [(0, 5%N)].
Proof. computed. Qed.

Example never_late_happens :
  after (three_timers ++ [OBeginIteration]) (fun m => (clock m, map deadline (timers (kern m)))) =
  Some (3%N, [5%N; 5%N]).
Proof. computed. Qed.

(** Two sleeps one after the other: of 3, and of 4 from there. *)
Example sleep_is_exact_happens :
  after ([OArm 3%N Closure; OBeginIteration; OTake 0; OBeginCall 0] ++ [OArm (3 + 4)%N Closure] ++ [OBeginIteration])
    firings = Some [(0, 3%N); (1, 7%N)].
Proof. computed. Qed.

Example clock_monotone_happens :
  after three_timers clock = Some 0%N /\ after (three_timers ++ [OSlip]) clock = Some 3%N /\
  after (three_timers ++ [OSlip; OSlip]) clock = Some 5%N.
Proof. computed. Qed.

(** The clock stands still while a handle is ready, and then goes to the nearest of two instants. *)
Example clock_moves_happens :
  after (three_timers ++ [OCallSoon Closure; OBeginIteration]) clock = Some 0%N /\
  after (three_timers ++ [OCallSoon Closure; OBeginIteration; OTake 0; OBeginCall 3; OBeginIteration]) clock =
    Some 3%N /\
  after (three_timers ++ [OCallSoon Closure; OSlip]) (fun m => (clock m, queue m)) = Some (3%N, [Call 3; Call 2]).
Proof. computed. Qed.

Example due_timers_fire_happens :
  after (three_timers ++ [OBeginIteration]) (fun m => (clock m, map deadline (timers (kern m)))) =
    Some (3%N, [5%N; 5%N]) /\
  after (three_timers ++ [OSlip; OSlip]) (fun m => (clock m, timers (kern m))) = Some (5%N, []).
Proof. computed. Qed.

Example ties_in_order_happens :
  after (three_timers ++ [OBeginIteration; OTake 0; OBeginCall 2; OBeginIteration]) firings =
  Some [(2, 3%N); (0, 5%N); (1, 5%N)].
Proof. computed. Qed.

(** * A6 *)

Example idle_iff_happens :
  answers suspended OBeginIteration = Some (ATurn TurnIdle) /\
  answers sleeping OBeginIteration = Some (ATurn TurnAdvanced) /\
  answers yielding OBeginIteration = Some (ATurn TurnReady) /\
  answers (suspended ++ [OSetStopping true]) OBeginIteration = Some (ATurn TurnReady).
Proof. computed. Qed.

(** Task 0 was cancelled while its gathering is about to end. *)
Example idle_tasks_wait_happens :
  answers parked OBeginIteration = Some (ATurn TurnIdle) /\
  after (parked ++ [OBeginIteration]) (fun m => (of_task t_must_cancel 0 m, of_task awaited 0 m,
    option_map f_callbacks (find_future 1 (kern m)))) = Some (Some (Some (Some 7)), Some [1], Some [WakeTask 0]).
Proof. computed. Qed.

(** * A9 *)

Example first_in_first_out_happens :
  after (three_calls ++ [OTake 0; OBeginCall 0; OCallSoon Closure; OTake 0; OBeginCall 1])
    (fun m => (pushed (history (kern m)), took (history (kern m)), queue m)) =
  Some ([Call 0; Call 1; Call 2; Call 3], [Call 0; Call 1], [Call 2; Call 3]).
Proof. computed. Qed.

Example taken_in_order_happens :
  after three_calls queue = Some [Call 0; Call 1; Call 2] /\
  takes (played start (three_calls ++ [OTake 0; OBeginCall 0; OCallSoon Closure; OTake 0; OBeginCall 1;
    OBeginIteration; OTake 0])) = [Call 0; Call 1; Call 2].
Proof. computed. Qed.

(** Task 1 is queued already when the future is done. *)
Example settled_in_order_happens :
  after (two_waiters ++ [OResolve 0 Finished]) queue = Some [Step 0; Step 1; Call 0] /\
  after (two_waiters ++ [OWake 1; OResolve 0 Finished]) queue = Some [Step 1; Step 0; Call 0].
Proof. computed. Qed.

Example registered_last_happens :
  after two_waiters (fun m => option_map f_callbacks (find_future 0 (kern m))) =
  Some (Some [WakeTask 0; WakeTask 1; RunCall 0]).
Proof. computed. Qed.

(** * A12 *)

Example done_stays_happens :
  after [OFutureNew Itself; OResolve 0 Failed; OResolve 0 Finished; OCancel 0 None] (is_in 0) =
  Some (Some Failed).
Proof. computed. Qed.

Example future_stays_happens :
  after [OFutureNew Itself; OFutureNew Itself; OFutureRelease 0] (fun m => (is_in 0 m, is_in 1 m)) =
    Some (None, Some Pending) /\
  after (in_a_step ++ [OEndStep 0 (ExitEnded EndFinished); OTaskRelease 0]) (is_in 0) = Some None.
Proof. computed. Qed.

Example ids_never_reused_happens :
  answers [OFutureNew Itself; OFutureRelease 0] (OFutureNew Itself) = Some (AFuture 1) /\
  after [OFutureNew Itself; OFutureRelease 0; OFutureNew Itself] (is_in 0) = Some None.
Proof. computed. Qed.

Example settled_once_happens :
  answers [OFutureNew Itself] (OResolve 0 Failed) = Some (ABool true) /\
  answers [OFutureNew Itself; OResolve 0 Failed] (OResolve 0 Finished) = Some (ABool false) /\
  answers [OFutureNew Itself; OResolve 0 Failed] (OCancel 0 None) = Some (ABool false).
Proof. computed. Qed.

(** * Nothing is disabled *)

Example cancelled_handle_stays_happens :
  after (three_calls ++ [OCancelCall 1]) (fun m => (queue m, place_of 1 m)) =
  Some ([Call 0; Call 1; Call 2], Some Dead).
Proof. computed. Qed.

(** A timer that has fired and is then cancelled does not end the sleep. *)
Example cancelled_handle_does_nothing_happens :
  answers (sleeping ++ [OBeginIteration; OCancelCall 0; OTake 0]) (OBeginCall 0) = Some (AAction None) /\
  after (sleeping ++ [OBeginIteration; OCancelCall 0; OTake 0; OBeginCall 0]) (is_in 0) = Some (Some Pending).
Proof. computed. Qed.

Example timer_stays_happens :
  after (three_timers ++ [OCancelCall 0; OBeginIteration])
    (fun m => (map timer_call (timers (kern m)), firings m, queue m)) = Some ([1], [(2, 3%N)], [Call 2]).
Proof. computed. Qed.

Example removed_callback_is_gone_happens :
  after [OFutureNew Itself; OOnDone 0; OOnDone 0; OOnDone 0; ORemoveOnDone 0 1]
    (fun m => (option_map f_callbacks (find_future 0 (kern m)), place_of 1 m)) =
  Some (Some [RunCall 0; RunCall 2], None).
Proof. computed. Qed.
