"""Wrong kernels. Each makes a headline theorem false, and the script shows where.

A line: what is wrong, the file, the old text and the new one, the theorem that becomes false, and
the proof of the contrary, in which H is the theorem's statement about the wrong kernel.
"""

KERNEL, MACHINE = "Kernel.v", "Machine.v"


def at(ops, arguments=""):
    return f"reach ({ops}) ltac:(fun l m => specialize (H l m {arguments})); impossible H."


def then(ops, op, arguments):
    """`arguments` may name l, m, o (the operation), r (where it leads) and a (the answer)."""
    return f"step ({ops}) ({op}) ltac:(fun l m r a => let o := constr:({op}) in specialize (H {arguments})); impossible H."


MUTANTS = [
    # The ready handles.
    ("a task is queued twice when it is woken twice", KERNEL,
     "      if t_ended x || t_queued x then (k, false)\n      else (push", "      if t_ended x then (k, false)\n      else (push",
     "handle_once", at("suspended ++ [OWake 0; OWake 0]")),
    ("a take removes the first handle, not the chosen one", KERNEL,
     "remove_nth i (ready k)", "remove_nth 0 (ready k)",
     "take_takes",
     "step three_calls (OTake 1) ltac:(fun l m r a => specialize (H m 1 r a)); meet H;\n"
     "destruct H as (h & before & after & E & L & R & _); destruct before as [|x [|y before]]; try discriminate L;\n"
     "vm_compute in E, R; congruence."),
    ("a take leaves the handle where it is", KERNEL,
     "(set_ready (remove_nth i (ready k)) k)", "(set_ready (ready k) k)",
     "wakes_conserved",
     "reach (three_calls ++ [OTake 1]) ltac:(fun l m => specialize (H l m)); meet H;\n"
     "apply Permutation_length in H; discriminate H."),
    ("a handle joins in front of the others", KERNEL,
     "set_ready (ready k ++ [h]) k", "set_ready (h :: ready k) k",
     "first_in_first_out",
     "reach three_calls ltac:(fun l m => specialize (H l m)); meet H;\n"
     "match type of H with ?A -> _ => assert (P : A) by (repeat constructor; intros i E; discriminate E) end;\n"
     "specialize (H P); discriminate H."),
    ("every take makes the batch smaller", KERNEL,
     "let b := if i <? batch k then batch k - 1 else batch k in", "let b := batch k - 1 in",
     "batch_counts", then("three_calls ++ [OCallSoon Closure]", "OTake 3", "l m o r a")),
    ("a step that begins leaves its task queued", KERNEL,
     "(S (t_step x)) false true false (t_aborted x)", "(S (t_step x)) true true false (t_aborted x)",
     "step_iff_queued", at("in_a_step", "0")),
    ("a due timer's callback does not learn that it is queued", KERNEL,
     "push (Call c) (in_call c (set_place Queued) k)", "push (Call c) k",
     "call_in_its_list", at("three_timers ++ [OBeginIteration]", "2")),
    ("a new task is not queued", KERNEL,
     "(fst (wake t k), (t, f)).", "(k, (t, f)).",
     "spawned_is_queued", then("@nil op", "OSpawn", "m r 0 0")),
    ("sleep(0) does not wake", KERNEL,
     "              | None => fst (wake t k)\n", "              | None => k\n",
     "yielding_is_queued", then("in_a_step", "OPollAwait 0 None None", "l m 0 r a")),
    ("an abort does not wake", KERNEL,
     "(if t_running x then k else fst (wake t k), true)", "(k, true)",
     "abort_reaches_at_once", then("suspended", "OAbort 0", "l m 0 r a")),
    # Futures.
    ("a done future forgets its first waiter", KERNEL,
     "(fold_left run_callback (f_callbacks x) k2, true)", "(fold_left run_callback (tl (f_callbacks x)) k2, true)",
     "no_lost_wakeup", then("two_waiters", "OResolve 0 Finished", "l m o r a 0 0")),
    ("the waiters of a future are woken newest first", KERNEL,
     "(fold_left run_callback (f_callbacks x) k2, true)", "(fold_left run_callback (rev (f_callbacks x)) k2, true)",
     "settled_in_order",
     "step two_waiters (OResolve 0 Finished) ltac:(fun l m r a => specialize (H l m 0 Finished r)); meet H;\n"
     "destruct H as (j & E & S & _); vm_compute in E, S; subst j;\n"
     "repeat match goal with X : subsequence _ _ |- _ => inversion X; clear X; subst end."),
    ("a future can be resolved twice", KERNEL,
     "      if is_pending (f_state x) then\n        let done", "      if true then\n        let done",
     "done_stays", then("[OFutureNew Itself; OResolve 0 Failed]", "OResolve 0 Finished", "l m o r a 0")),
    ("a callback of a done future waits for ever", KERNEL,
     "  if is_done f k then call_soon Closure k\n", "  if false then call_soon Closure k\n",
     "accepted_good",
     "reach [OFutureNew Itself; OResolve 0 Finished; OOnDone 0] ltac:(fun l m => specialize (H l m)); meet H;\n"
     "destruct H as [_ [[_ _ D _ _ _ _ _ _ _] _ _ _] _ _ _ _ _ _];\n"
     "specialize (D 0); impossible D."),
    ("a callback that is taken back stays with its future", KERNEL,
     "let others := filter (fun cb => negb (is_call c cb)) (f_callbacks x) in", "let others := f_callbacks x in",
     "removed_callback_is_gone",
     then("[OFutureNew Itself; OOnDone 0; OOnDone 0]", "ORemoveOnDone 0 1", "l m 0 1 r a")),
    ("a released future leaves its callbacks behind", KERNEL,
     "      (set_calls (fold_left (fun l c => remove c l) dropped (calls k1)) k1, dropped)", "      (k1, dropped)",
     "call_in_its_list",
     "reach [OFutureNew Itself; OOnDone 0; OFutureRelease 0] ltac:(fun l m => specialize (H l m 0)); meet H;\n"
     "destruct H as [_ [[H _] _]]; destruct (H eq_refl) as (f & y & E & _); discriminate E."),
    ("a new waiter stands before the others", KERNEL,
     "set_callbacks (f_callbacks y ++ [WakeTask t]) y", "set_callbacks (WakeTask t :: f_callbacks y) y",
     "registered_last",
     "step [OFutureNew Itself; OOnDone 0; OSpawn; OBeginIteration; OTake 0; OBeginStep 0]\n"
     "(OPollAwait 0 (Some 0) None) ltac:(fun l m r a => specialize (H m (OPollAwait 0 (Some 0) None) r a 0)); meet H;\n"
     "destruct H as [_ H]; specialize (H 0); impossible H."),
    # Callbacks and timers.
    ("a ready handle that is cancelled is taken out", KERNEL,
     "      | Queued => (in_call c (set_place Dead) k, true)",
     "      | Queued => (set_calls (remove c (calls k)) (set_ready (filter (fun h => match h with\n"
     "          | Call d => negb (c =? d) | Step _ => true end) (ready k)) k), true)",
     "cancelled_handle_stays", then("three_calls", "OCancelCall 1", "l m 1 r a")),
    ("a cancelled handle runs", KERNEL,
     "      | Dead, _ => (k1, None)\n", "",
     "cancelled_handle_does_nothing",
     then("sleeping ++ [OBeginIteration; OCancelCall 0; OTake 0]", "OBeginCall 0", "m 0 r a")),
    ("a timer that is cancelled stays armed", KERNEL,
     "let others := filter (fun w => negb (timer_call w =? c)) (timers k) in", "let others := timers k in",
     "accepted_good",
     "reach (three_timers ++ [OCancelCall 2]) ltac:(fun l m => specialize (H l m)); meet H;\n"
     "destruct H as [[_ _ _ _ _ _ _ _ _ A _ _ _ _ _ _ _] _ _ _ _ _ _ _];\n"
     "specialize (A (Timer 3%N 2 2 0%N)); impossible A."),
    ("to cancel a timer disarms the others", KERNEL,
     "negb (timer_call w =? c)) (timers k)", "timer_call w =? c) (timers k)",
     "timer_stays", then("three_timers", "OCancelCall 0", "m o r a (Timer 5%N 1 1 0%N)")),
    # Time.
    ("a sleep ends a tick late", KERNEL,
     "let w := Timer d (registrations k) c (now k) in", "let w := Timer (time_add d 1%N) (registrations k) c (now k) in",
     "sleep_is_exact",
     "step (@nil op) (OArm 5%N Closure) ltac:(fun l m r a => let more := constr:(played r [OBeginIteration]) in\n"
     "some (accept r more) ltac:(fun q => specialize (H l m 5%N Closure r 0 more q (Timer 6%N 0 0 0%N) 6%N)));\n"
     "impossible H."),
    ("a timer fires a tick early", KERNEL,
     "if time_leb (deadline w) n then let", "if time_leb (deadline w) (time_add n 1%N) then let",
     "never_early", at("[OArm 5%N Closure; OArm 6%N Closure; OBeginIteration]", "(Timer 6%N 1 1 0%N) 5%N")),
    ("a timer that is due waits for a later tick", KERNEL,
     "if time_leb (deadline w) n then let", "if time_ltb (deadline w) n then let",
     "due_timers_fire", then("three_timers", "OBeginIteration", "l m o r a (Timer 3%N 2 2 0%N)")),
    ("timers of one instant fire newest first", KERNEL,
     "=> if time_ltb (deadline w) (deadline v) then", "=> if time_leb (deadline w) (deadline v) then",
     "ties_in_order",
     at("[OArm 5%N Closure; OArm 5%N Closure; OBeginIteration]", "[] (Timer 5%N 1 1 0%N) 5%N [] (Timer 5%N 0 0 0%N) 5%N []")),
    ("the clock moves although a handle is ready", KERNEL,
     "  | [], false, Some d =>\n", "  | _, false, Some d =>\n",
     "clock_moves", then("three_timers ++ [OCallSoon Closure]", "OBeginIteration", "l m o r a")),
    ("the clock goes a tick too far", KERNEL,
     "(batched (collect_due (set_now d k)), TurnAdvanced)",
     "(batched (collect_due (set_now (time_add d 1%N) k)), TurnAdvanced)",
     "fires_exactly", at("sleeping ++ [OBeginIteration]", "(Timer 5%N 0 0 0%N) 6%N")),
    ("a slip leaves the due timers armed", KERNEL,
     "then (collect_due (set_now d k), true) else (k, false)", "then (set_now d k, true) else (k, false)",
     "due_timers_fire", then("three_timers", "OSlip", "l m o r a (Timer 3%N 2 2 0%N)")),
    ("a slip goes back after a blocking step", KERNEL,
     "  | Some d => if time_ltb (now k) d then (collect_due", "  | Some d => if true then (collect_due",
     "clock_monotone", then("three_timers ++ [OBusy 9%N]", "OSlip", "m o r a")),
    ("a loop that is to stop is idle", KERNEL,
     "  | [], false, None => (k, TurnIdle)\n", "  | [], _, None => (k, TurnIdle)\n",
     "idle_iff", then("[OSetStopping true]", "OBeginIteration", "m r TurnIdle")),
    # Cancellation.
    ("a request is parked although what the task awaits is done", KERNEL,
     "        let parked := awaits_closing x k in", "        let parked := true in",
     "request_never_parked",
     "reach (suspended ++ [OResolve 0 Finished; OBeginIteration; OTake 0; OBeginStep 0; OEndStep 0 ExitPending;\n"
     "OCancelTask 0 None]) ltac:(fun l m => specialize (H l m 0)); impossible H."),
    ("a gathering counts as ending whatever its children are", KERNEL,
     "S depth => forallb (closing depth fs) cs", "S depth => true",
     "request_never_parked",
     "reach [OSpawn; OFutureNew (Children [0]); OBeginIteration; OTake 0; OBeginStep 0; OPollAwait 0 (Some 1) None;\n"
     "OEndStep 0 ExitPending; OCancelTask 0 None] ltac:(fun l m => specialize (H l m 0)); meet H;\n"
     "destruct H as [_ [H|[H|(f & I & D & C)]]]; [discriminate H|discriminate H|];\n"
     "destruct I as [<-|[]]; inversion C as [|? ? E N|? ? ? E O G]; clear C; subst; vm_compute in *; try discriminate;\n"
     "[injection E as <-; apply N; reflexivity|];\n"
     "injection E as <-; injection O as <-; specialize (G 0 (or_introl eq_refl));\n"
     "inversion G as [|? ? E N|? ? ? E O F]; subst; vm_compute in *; try discriminate;\n"
     "[injection E as <-; apply N; reflexivity|]; injection E as <-; discriminate O."),
    ("a refused request does not wake the task", KERNEL,
     "if parked then k else fst (wake t k)", "k",
     "request_never_parked",
     "reach (suspended ++ [OResolve 0 Finished; OBeginIteration; OTake 0; OBeginStep 0; OEndStep 0 ExitPending;\n"
     "OCancelTask 0 None]) ltac:(fun l m => specialize (H l m 0)); impossible H."),
    ("a future that is cancelled wakes nobody", KERNEL,
     "          | Pending, Itself => settle f Cancelled m false k",
     "          | Pending, Itself => (in_future f (fun x => Future Cancelled [] Itself false m false (f_observed x)) k, true)",
     "cancel_reaches_at_once",
     "step suspended (OCancelTask 0 None) ltac:(fun l m r a => some (find_task 0 (kern m)) ltac:(fun x =>\n"
     "specialize (H l m 0 (@None nat) r a x))); meet H;\n"
     "match type of H with ?A -> _ => assert (P : A) end;\n"
     "[intros f y I E _; vm_compute in I; destruct I as [<-|[]]; vm_compute in E; injection E as <-; reflexivity|];\n"
     "specialize (H P); impossible H."),
    ("to cancel a done future answers true", KERNEL,
     "          | _, _ => (k, false)\n", "          | _, _ => (k, true)\n",
     "settled_once",
     "step [OFutureNew Itself; OResolve 0 Failed] (OCancel 0 None)\n"
     "ltac:(fun l m r a => specialize (H m (OCancel 0 None) r a 0)); meet H;\n"
     "destruct H as [_ H]; [right; exists None; reflexivity|discriminate H]."),
    ("only the first await is cancelled", KERNEL,
     "(map a_on (t_awaits x)) (k, nothing) in", "(map a_on (firstn 1 (t_awaits x))) (k, nothing) in",
     "cancel_reaches_every_await",
     "step two_awaits (OCancelTask 0 None) ltac:(fun l m r a => some (find_task 0 (kern m)) ltac:(fun x =>\n"
     "specialize (H l m 0 (@None nat) r a x 1))); impossible H."),
    ("only the first child is cancelled", KERNEL,
     "fold_left (any_or (cancel_future fuel) path m) fs (k, false)",
     "fold_left (any_or (cancel_future fuel) path m) (firstn 1 fs) (k, false)",
     "cancel_reaches_every_child",
     "step [OFutureNew Itself; OFutureNew Itself; OFutureNew (Children [0; 1])] (OCancel 2 None)\n"
     "ltac:(fun l m r a => some (find_future 2 (kern m)) ltac:(fun y =>\n"
     "specialize (H l m 2 (@None nat) r a y [0; 1] 1))); impossible H."),
    ("a second request takes the first back", KERNEL,
     "        if t_running x then (in_task t (set_must_cancel (Some m)) k, true)",
     "        if t_running x then (in_task t (set_must_cancel (if is_some (t_must_cancel x) then None else Some m)) k, true)",
     "second_request_changes_nothing",
     then("in_a_step ++ [OCancelTask 0 None]", "OCancelTask 0 (Some 7)", "l m 0 (Some 7) r a")),
    ("a second request is refused", KERNEL,
     "      if t_ended x || existsb (Nat.eqb t) path then (k, false)",
     "      if t_ended x || is_some (t_must_cancel x) || existsb (Nat.eqb t) path then (k, false)",
     "second_request_changes_nothing",
     then("in_a_step ++ [OCancelTask 0 None]", "OCancelTask 0 (Some 7)", "l m 0 (Some 7) r a")),
    ("a delivered request stays asked", KERNEL,
     "(t_awaits x) None told (t_told_taken x) (t_cancels x) in", "(t_awaits x) (t_must_cancel x) told (t_told_taken x) (t_cancels x) in",
     "delivered_at_most_once", at("told", "0")),
    ("a task that is dropped does not learn the message", KERNEL,
     "EntryDrop (flatten told))", "EntryDrop None)",
     "next_step_is_told",
     then("[OSpawn; OCancelTask 0 (Some 7); OBeginIteration; OTake 0]", "OBeginStep 0", "l m 0 r a")),
    ("the steps of a task are not counted", KERNEL,
     "Task (t_future x) (S (t_step x)) false", "Task (t_future x) (t_step x) false",
     "next_step_is_told",
     then("[OSpawn; OCancelTask 0 (Some 7); OBeginIteration; OTake 0]", "OBeginStep 0", "l m 0 r a")),
    ("an await that was cancelled itself is told too", KERNEL,
     "          | Some m => if cancelled then (k, (AwaitDone, since)) else (k, (AwaitTold m, since))",
     "          | Some m => (k, (AwaitTold m, since))",
     "await_hears",
     "step (two_awaits ++ [OResolve 1 Finished; OCancelTask 0 (Some 7); OBeginIteration; OTake 0; OBeginStep 0])\n"
     "(OPollAwait 0 (Some 0) (Some 1)) ltac:(fun l m r a => specialize (H m 0 (Some 0) 1 r a)); meet H;\n"
     "destruct H as [[[_ H]|[H _]] _]; [exact (H 0 eq_refl eq_refl)|discriminate H]."),
    ("an await of this step is told", KERNEL,
     "let old := registered <? t_step x in", "let old := registered <=? t_step x in",
     "new_await_hears_nothing",
     "step (told ++ [OEndAwait 0 None 1; OPollAwait 0 None None]) (OPollAwait 0 None (Some 2))\n"
     "ltac:(fun l m r a => specialize (H m 0 (@None nat) 2 r a)); meet H; exact (H eq_refl)."),
    ("what was asked and not delivered is forgotten at the end of the step", KERNEL,
     "let k := match asked x with Some m => tell m t k | None => k end in", "let k := k in",
     "undelivered_is_asked_again",
     "step ([OFutureNew Itself] ++ told ++ [OEndAwait 0 None 1; OPollAwait 0 (Some 0) None]) (OEndStep 0 ExitPending)\n"
     "ltac:(fun l m r a => specialize (H l m 0 r a)); meet H;\n"
     "match type of H with ?A -> _ => assert (P : A) end;\n"
     "[intros f y I E _; vm_compute in I; destruct I as [<-|[]]; vm_compute in E; injection E as <-; reflexivity|];\n"
     "specialize (H P); impossible H."),
    ("a task that finishes with an undelivered request is finished", KERNEL,
     "  | EndFinished, Some m => (Cancelled, m, false)", "  | EndFinished, Some m => (Finished, None, false)",
     "cancelled_iff", "step (in_a_step ++ [OCancelTask 0 None]) (OEndStep 0 (ExitEnded EndFinished))\n"
     "ltac:(fun l m r a => specialize (H l m 0 EndFinished r a)); meet H; destruct H as [[_ H] _];\n"
     "discriminate H; right; split; [reflexivity|discriminate]."),
    ("a task that ends as cancelled is finished", KERNEL,
     "  | EndCancelled m, _ => (Cancelled, m, true)", "  | EndCancelled m, _ => (Finished, None, false)",
     "cancelled_iff", "step heard (OEndStep 0 (ExitEnded (EndCancelled None)))\n"
     "ltac:(fun l m r a => specialize (H l m 0 (EndCancelled None) r a)); meet H; destruct H as [[_ H] _];\n"
     "discriminate H; left; exists None; reflexivity."),
    ("the end's message is lost", KERNEL,
     "  | EndCancelled m, _ => (Cancelled, m, true)", "  | EndCancelled m, _ => (Cancelled, None, true)",
     "end_message", then("heard", "OEndStep 0 (ExitEnded (EndCancelled (Some 8)))",
                         "l m 0 (EndCancelled (Some 8)) r a")),
    ("a delivery is counted twice", KERNEL,
     "let k := if t_told_taken x then note (EDelivered t) k else k in",
     "let k := if t_told_taken x then note (EDelivered t) (note (EDelivered t) k) else k in",
     "delivered_in_a_step", then("heard", "OEndStep 0 (ExitEnded EndFailed)", "0 m o r a")),
    ("uncancel at 0 withdraws what is asked", KERNEL,
     "      | 0 => (k, 0)\n", "      | 0 => (in_task t (set_must_cancel None) k, 0)\n",
     "uncancel_counts",
     then("told ++ [OUncancel 0; OEndAwait 0 None 1; OPollAwait 0 None None; OEndStep 0 ExitPending]",
          "OUncancel 0", "m 0 r a")),
    ("uncancel withdraws what is asked before it is at 0", KERNEL,
     "(if n =? 0 then in_task t (set_must_cancel None) k else k, n)", "(in_task t (set_must_cancel None) k, n)",
     "uncancel_counts", then("yielding ++ [OCancelTask 0 None; OCancelTask 0 None]", "OUncancel 0", "m 0 r a")),
    ("a task that ends stays among the waiters", KERNEL,
     "          let k := fold_left (fun k f => remove_wake f t k) (awaited x) k in", "          let k := k in",
     "waiter_registered",
     at("suspended ++ [OWake 0; OBeginIteration; OTake 0; OBeginStep 0; OEndStep 0 (ExitEnded EndFailed)]", "0 0")),
    ("an await that ends stays among the waiters", KERNEL,
     "let k := match on with Some f => remove_wake f t k | None => k end in", "let k := k in",
     "waiter_registered", at("suspended ++ [OEndAwait 0 (Some 0) 1]", "0 0")),
    # What the checker allows.
    ("anybody may poll", MACHINE,
     "      when (is_running t m)\n        (let '(k, (a, s))", "      when true\n        (let '(k, (a, s))",
     "accepted_good",
     "reach (in_a_step ++ [OEndStep 0 (ExitEnded EndFinished); OPollAwait 0 None None]) ltac:(fun l m => specialize (H l m));\n"
     "meet H; destruct H as [_ [[_ _ _ _ E _ _ _ _ _] _ _ _] _ _ _ _ _ _]; specialize (E 0); impossible E."),
    ("a handle may be taken while a task runs", MACHINE,
     "      when (at_rest m && (0 <? batch k))", "      when (0 <? batch k)",
     "accepted_good",
     "reach [OSpawn; OSpawn; OBeginIteration; OTake 0; OBeginStep 0; OTake 0] ltac:(fun l m => specialize (H l m));\n"
     "meet H; destruct H as [_ [_ _ [R _ _] _] _ _ _ _ _ _]; specialize (R 0); meet R; destruct R as [R _];\n"
     "discriminate (R eq_refl)."),
    ("a step may begin that was not taken", MACHINE,
     "      when (is_taken (Step t) m)\n", "      when true\n",
     "step_iff_queued", at("[OSpawn; OBeginStep 0]", "0")),
    ("a task may be released that has not ended", MACHINE,
     "when (ended t k) (plain m (task_release t k))", "when true (plain m (task_release t k))",
     "accepted_good",
     "reach (in_a_step ++ [OTaskRelease 0]) ltac:(fun l m => specialize (H l m)); meet H;\n"
     "destruct H as [_ [_ _ [_ L _] _] _ _ _ _ _ _]; specialize (L 0); impossible L."),
    ("a task's future may be resolved by others", MACHINE,
     "when (is_plain f k && negb (is_pending s)) (with_bool", "when (negb (is_pending s)) (with_bool",
     "ended_iff_done", at("[OSpawn; OResolve 0 Finished]", "0")),
    ("a future may be released that is awaited", MACHINE,
     "      when (is_plain f k && negb (is_awaited f k))\n", "      when (is_plain f k)\n",
     "request_never_parked", "reach (parked ++ [OFutureRelease 1]) ltac:(fun l m => specialize (H l m 0)); impossible H."),
    # One change each for the theorems that speak of lists and clocks as a whole.
    ("a done callback is registered twice", KERNEL,
     "set_callbacks (f_callbacks x ++ [RunCall c]) x) k, c).", "set_callbacks (f_callbacks x ++ [RunCall c; RunCall c]) x) k, c).",
     "call_once",
     "reach [OFutureNew Itself; OOnDone 0] ltac:(fun l m => specialize (H l m)); meet H;\n"
     "destruct H as [_ [H _]]; specialize (H 0); impossible H."),
    ("a slip forgets what is ready", KERNEL,
     "then (collect_due (set_now d k), true) else (k, false)", "then (collect_due (set_now d (set_ready [] k)), true) else (k, false)",
     "ready_stays", then("[OCallSoon Closure; OArm 5%N Closure]", "OSlip", "m o r a (Call 0)")),
    ("the clock passes the timer that it moves for", KERNEL,
     "(batched (collect_due (set_now d k)), TurnAdvanced)",
     "(batched (set_now (time_add d 1%N) k), TurnAdvanced)",
     "never_late", at("sleeping ++ [OBeginIteration]", "(Timer 5%N 0 0 0%N)")),
    ("an iteration is idle although a handle is ready", KERNEL,
     "  | [], false, None => (k, TurnIdle)\n", "  | _, false, None => (k, TurnIdle)\n",
     "idle_tasks_wait", then("[OSpawn]", "OBeginIteration", "l m r 0")),
    ("a handle that joins late goes first", KERNEL,
     "set_ready (ready k ++ [h]) k", "set_ready (h :: ready k) k",
     "taken_in_order",
     "reach three_calls ltac:(fun l m =>\n"
     "let more := eval vm_compute in (played m [OTake 0; OBeginCall 2; OCallSoon Closure; OTake 0]) in\n"
     "some (accept m more) ltac:(fun q => specialize (H more m q 1 (Call 1)))); meet H;\n"
     "match type of H with ?A -> _ => assert (P : A)\n"
     "by (repeat constructor; intros i E; first [discriminate E|injection E; auto]) end;\n"
     "specialize (H P); impossible H."),
    ("a future goes when it is done", KERNEL,
     "(fold_left run_callback (f_callbacks x) k2, true)",
     "(fold_left run_callback (f_callbacks x) (set_futures (remove f (futures k2)) k2), true)",
     "future_stays", then("[OFutureNew Itself]", "OResolve 0 Finished", "l m o r a 0")),
    ("a released future's number is given again", KERNEL,
     "let k1 := set_futures (remove f (futures k)) k in",
     "let k1 := set_next (next_task k) (pred (next_future k)) (next_call k) (set_futures (remove f (futures k)) k) in",
     "ids_never_reused",
     then("[OFutureNew Itself; OFutureNew Itself; OFutureRelease 0]", "OFutureRelease 1", "l m o r a 0")),
]

# Wrong kernels that no theorem speaks of, and what refuses them: the file, the texts, and why.
SURVIVORS = [
    ("a task that is met again on the way down is cancelled again", KERNEL,
     "      if t_ended x || existsb (Nat.eqb t) path then (k, false)", "      if t_ended x then (k, false)",
     "only the counts of a cycle differ: tests/formal (lockstep), tests/it/cancel.rs"),
    ("an observed future is not reported when it is done", KERNEL,
     "let k2 := if f_observed x then set_observed (observed k1 ++ [f]) k1 else k1 in", "let k2 := k1 in",
     "the report is a hint to the shell: tests/formal (lockstep)"),
    ("a message that is taken stays", KERNEL,
     "(if f_message_once x then in_future f (set_message None) k else k, f_message x)", "(k, f_message x)",
     "a message's text has no part in any theorem but end_message: tests/formal (lockstep), conformance"),
    ("a gathering does not remember that it was cancelled", KERNEL,
     "(if any then in_future f set_requested k else k, any)", "(k, any)",
     "the mark is read by the gathering's callbacks, in the program model: conformance"),
]
