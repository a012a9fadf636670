(** Short lists of operations in which something happens: for the examples beside the theorems, and
    for the changed kernels that a theorem must refuse. Tasks, futures and callbacks are numbered
    in order of creation. *)
From Coq Require Import List Arith NArith Bool.
From Seedloop.Spec Require Import Map Kernel Machine Words.
Import ListNotations.

(** What is seen after these operations, if the checker accepts them. *)
Definition after {A} (ops : list op) (see : machine -> A) : option A :=
  option_map see (accept start (played start ops)).

(** What the next operation answers. *)
Definition answers (ops : list op) (o : op) : option answer :=
  match after ops (fun m => apply m o) with Some (Some (_, a)) => Some a | _ => None end.

(** Future 0; task 0 awaits it. *)
Definition suspended : list op :=
  [OFutureNew Itself; OSpawn; OBeginIteration; OTake 0; OBeginStep 0; OPollAwait 0 (Some 0) None;
   OEndStep 0 ExitPending].

(** Future 0; tasks 0 and 1 await it, then callback 0 is added. *)
Definition two_waiters : list op :=
  [OFutureNew Itself; OSpawn; OSpawn; OBeginIteration;
   OTake 0; OBeginStep 0; OPollAwait 0 (Some 0) None; OEndStep 0 ExitPending;
   OTake 0; OBeginStep 1; OPollAwait 1 (Some 0) None; OEndStep 1 ExitPending; OOnDone 0].

(** Futures 0 and 1; task 0 awaits both. *)
Definition two_awaits : list op :=
  [OFutureNew Itself; OFutureNew Itself; OSpawn; OBeginIteration; OTake 0; OBeginStep 0;
   OPollAwait 0 (Some 0) None; OPollAwait 0 (Some 1) None; OEndStep 0 ExitPending].

(** Timers 0 and 1 of one instant, and timer 2 of an earlier one. *)
Definition three_timers : list op := [OArm 5%N Closure; OArm 5%N Closure; OArm 3%N Closure].

(** Task 0 sleeps until 5: timer 0 resolves future 0. *)
Definition sleeping : list op :=
  [OFutureNew Itself; OSpawn; OBeginIteration; OTake 0; OBeginStep 0; OArm 5%N (Resolve 0);
   OPollAwait 0 (Some 0) None; OEndStep 0 ExitPending].

(** Task 0 has taken its first step and yields with [sleep(0)]. *)
Definition yielding : list op :=
  [OSpawn; OBeginIteration; OTake 0; OBeginStep 0; OPollAwait 0 None None; OEndStep 0 ExitPending].

(** It is cancelled, and begins the step that is told. *)
Definition told : list op :=
  yielding ++ [OCancelTask 0 (Some 7); OBeginIteration; OTake 0; OBeginStep 0].

(** It has heard of it. *)
Definition heard : list op := told ++ [OPollAwait 0 None (Some 1); OEndAwait 0 None 1].

(** Task 0 runs. *)
Definition in_a_step : list op := [OSpawn; OBeginIteration; OTake 0; OBeginStep 0].

(** Future 1 gathers future 0; task 0 awaits it. *)
Definition gathering : list op :=
  [OFutureNew Itself; OFutureNew (Children [0]); OSpawn; OBeginIteration; OTake 0; OBeginStep 0;
   OPollAwait 0 (Some 1) None; OEndStep 0 ExitPending].

(** Its child is done, and then the task is cancelled: the request waits for the gathering. *)
Definition parked : list op := gathering ++ [OResolve 0 Finished; OCancelTask 0 (Some 7)].

(** Three callbacks are ready. *)
Definition three_calls : list op :=
  [OCallSoon Closure; OCallSoon Closure; OCallSoon Closure; OBeginIteration].
