(** The kernel of [src/kernel], function by function under the Rust's names, over plain lists.

    Ids are numbers in order of creation and are never used again; the Rust uses slabs with
    generations. The ready handles, the timers and the callbacks are lists in the order in which
    they run. [history] is a ghost: what has happened, newest first. No function looks at it. *)
From Coq Require Import List Arith NArith Bool.
From Seedloop.Spec Require Import Map.
Import ListNotations.
Open Scope nat_scope.


(** * Words *)

Notation task_id := nat (only parsing).
Notation future_id := nat (only parsing).
Notation call_id := nat (only parsing).
(** The text of [task.cancel(msg)], numbered. *)
Definition message := option nat.
(** Nanoseconds of virtual time. *)
Definition time := N.
Bind Scope N_scope with time.
Definition time_add : time -> time -> time := N.add.
Definition time_ltb : time -> time -> bool := N.ltb.
Definition time_leb : time -> time -> bool := N.leb.

(** What the loop runs one at a time: asyncio's Handle. *)
Inductive handle := Step (t : task_id) | Call (c : call_id).

Inductive state := Pending | Finished | Failed | Cancelled.

(** What a future's cancel does. *)
Inductive on_cancel := Itself | OfTask (t : task_id) | Children (fs : list future_id).

(** What is scheduled when a future is done. *)
Inductive callback := WakeTask (t : task_id) | RunCall (c : call_id).

Record future := Future {
  f_state : state;
  f_callbacks : list callback;
  f_on_cancel : on_cancel;
  f_cancel_requested : bool;
  f_message : message;
  f_message_once : bool;
  f_observed : bool }.

Inductive action := Closure | Resolve (f : future_id).

(** Where a callback waits. *)
Inductive place := OnDone | Armed | Queued | Dead.

Record call := ACallOf { c_action : action; c_place : place }.

Record await := Await { a_on : option future_id; a_since : nat }.

Record task := Task {
  t_future : future_id;
  t_step : nat;
  t_queued : bool;
  t_running : bool;
  t_ended : bool;
  t_aborted : bool;
  t_awaits : list await;
  t_must_cancel : option message;
  t_told : option message;
  t_told_taken : bool;
  t_cancels : nat }.

(** [armed_at] is a ghost. *)
Record timer := Timer { deadline : time; registration : nat; timer_call : call_id; armed_at : time }.

(** The ghost. *)
Inductive event :=
| EPush (h : handle)            (** joined the ready handles *)
| ETake (h : handle)            (** was taken *)
| EFire (w : timer) (at_ : time) (** a timer joined the ready handles at this time *)
| EAsk (t : task_id)            (** a cancellation reached this task *)
| EDelivered (t : task_id)      (** a step of this task was told of one *)
| ESettle (f : future_id) (s : state). (** is done *)

Record kernel := Kernel {
  now : time;
  iteration : nat;
  ready : list handle;
  batch : nat;
  timers : list timer;
  registrations : nat;
  tasks : list (nat * task);
  futures : list (nat * future);
  calls : list (nat * call);
  next_task : nat;
  next_future : nat;
  next_call : nat;
  stopping : bool;
  observed : list future_id;
  history : list event }.

Definition empty : kernel := Kernel 0%N 0 [] 0 [] 0 [] [] [] 0 0 0 false [] [].

(** * Changing one field *)

Definition set_now x k := Kernel x (iteration k) (ready k) (batch k) (timers k) (registrations k)
  (tasks k) (futures k) (calls k) (next_task k) (next_future k) (next_call k) (stopping k)
  (observed k) (history k).
Definition set_iteration x k := Kernel (now k) x (ready k) (batch k) (timers k) (registrations k)
  (tasks k) (futures k) (calls k) (next_task k) (next_future k) (next_call k) (stopping k)
  (observed k) (history k).
Definition set_ready x k := Kernel (now k) (iteration k) x (batch k) (timers k) (registrations k)
  (tasks k) (futures k) (calls k) (next_task k) (next_future k) (next_call k) (stopping k)
  (observed k) (history k).
Definition set_batch x k := Kernel (now k) (iteration k) (ready k) x (timers k) (registrations k)
  (tasks k) (futures k) (calls k) (next_task k) (next_future k) (next_call k) (stopping k)
  (observed k) (history k).
Definition set_timers x r k := Kernel (now k) (iteration k) (ready k) (batch k) x r
  (tasks k) (futures k) (calls k) (next_task k) (next_future k) (next_call k) (stopping k)
  (observed k) (history k).
Definition set_tasks x k := Kernel (now k) (iteration k) (ready k) (batch k) (timers k)
  (registrations k) x (futures k) (calls k) (next_task k) (next_future k) (next_call k)
  (stopping k) (observed k) (history k).
Definition set_futures x k := Kernel (now k) (iteration k) (ready k) (batch k) (timers k)
  (registrations k) (tasks k) x (calls k) (next_task k) (next_future k) (next_call k)
  (stopping k) (observed k) (history k).
Definition set_calls x k := Kernel (now k) (iteration k) (ready k) (batch k) (timers k)
  (registrations k) (tasks k) (futures k) x (next_task k) (next_future k) (next_call k)
  (stopping k) (observed k) (history k).
Definition set_next t f c k := Kernel (now k) (iteration k) (ready k) (batch k) (timers k)
  (registrations k) (tasks k) (futures k) (calls k) t f c (stopping k) (observed k) (history k).
Definition set_stopping x k := Kernel (now k) (iteration k) (ready k) (batch k) (timers k)
  (registrations k) (tasks k) (futures k) (calls k) (next_task k) (next_future k) (next_call k)
  x (observed k) (history k).
Definition set_observed x k := Kernel (now k) (iteration k) (ready k) (batch k) (timers k)
  (registrations k) (tasks k) (futures k) (calls k) (next_task k) (next_future k) (next_call k)
  (stopping k) x (history k).
Definition note e k := Kernel (now k) (iteration k) (ready k) (batch k) (timers k)
  (registrations k) (tasks k) (futures k) (calls k) (next_task k) (next_future k) (next_call k)
  (stopping k) (observed k) (e :: history k).

Definition in_task t g k := set_tasks (update t g (tasks k)) k.
Definition in_future f g k := set_futures (update f g (futures k)) k.
Definition in_call c g k := set_calls (update c g (calls k)) k.

Definition set_queued b x := Task (t_future x) (t_step x) b (t_running x) (t_ended x)
  (t_aborted x) (t_awaits x) (t_must_cancel x) (t_told x) (t_told_taken x) (t_cancels x).
Definition set_awaits l x := Task (t_future x) (t_step x) (t_queued x) (t_running x) (t_ended x)
  (t_aborted x) l (t_must_cancel x) (t_told x) (t_told_taken x) (t_cancels x).
Definition set_must_cancel m x := Task (t_future x) (t_step x) (t_queued x) (t_running x)
  (t_ended x) (t_aborted x) (t_awaits x) m (t_told x) (t_told_taken x) (t_cancels x).
Definition set_told_taken b x := Task (t_future x) (t_step x) (t_queued x) (t_running x)
  (t_ended x) (t_aborted x) (t_awaits x) (t_must_cancel x) (t_told x) b (t_cancels x).
Definition set_cancels n x := Task (t_future x) (t_step x) (t_queued x) (t_running x)
  (t_ended x) (t_aborted x) (t_awaits x) (t_must_cancel x) (t_told x) (t_told_taken x) n.
Definition set_aborted x := Task (t_future x) (t_step x) (t_queued x) (t_running x)
  (t_ended x) true (t_awaits x) (t_must_cancel x) (t_told x) (t_told_taken x) (t_cancels x).

Definition set_callbacks l x := Future (f_state x) l (f_on_cancel x) (f_cancel_requested x)
  (f_message x) (f_message_once x) (f_observed x).
Definition set_requested x := Future (f_state x) (f_callbacks x) (f_on_cancel x) true
  (f_message x) (f_message_once x) (f_observed x).
Definition set_message m x := Future (f_state x) (f_callbacks x) (f_on_cancel x)
  (f_cancel_requested x) m (f_message_once x) (f_observed x).
Definition set_observing x := Future (f_state x) (f_callbacks x) (f_on_cancel x)
  (f_cancel_requested x) (f_message x) (f_message_once x) true.

Definition set_place p x := ACallOf (c_action x) p.

(** * Small questions *)

Definition is_pending (s : state) : bool := match s with Pending => true | _ => false end.
Definition is_some {A} (x : option A) : bool := match x with Some _ => true | None => false end.
Definition or_else {A} (x y : option A) : option A := match x with Some _ => x | None => y end.
Definition flatten (m : option message) : message := match m with Some m => m | None => None end.

Definition find_task t k := find t (tasks k).
Definition find_future f k := find f (futures k).

(** A future that is gone counts as cancelled. *)
Definition state_of f k : state :=
  match find_future f k with Some x => f_state x | None => Cancelled end.
Definition is_done f k : bool := negb (is_pending (state_of f k)).

(** Is it done, or a gathering whose children all are, and whose callbacks will end it? Children
    are older than their gathering, so its number bounds the depth. *)
Fixpoint closing (depth : nat) (fs : list (nat * future)) (f : future_id) : bool :=
  match find f fs with
  | Some x =>
      match f_state x, f_on_cancel x, depth with
      | Pending, Children cs, S depth => forallb (closing depth fs) cs
      | Pending, _, _ => false
      | _, _, _ => true
      end
  | None => true
  end.
Definition is_closing f k : bool := closing (S f) (futures k) f.

Definition awaited (x : task) : list future_id :=
  flat_map (fun a => match a_on a with Some f => [f] | None => [] end) (t_awaits x).

(** Does it wait for a future that is about to be done? *)
Definition awaits_closing (x : task) k : bool :=
  existsb (fun f => negb (is_done f k) && is_closing f k) (awaited x).

Definition next_deadline k : option time :=
  match timers k with w :: _ => Some (deadline w) | [] => None end.

(** * The ready handles *)

Definition push h k := note (EPush h) (set_ready (ready k ++ [h]) k).

(** [Kernel::wake]: a task is queued once, however often it is woken. *)
Definition wake t k : kernel * bool :=
  match find_task t k with
  | Some x =>
      if t_ended x || t_queued x then (k, false)
      else (push (Step t) (in_task t (set_queued true) k), true)
  | None => (k, false)
  end.

(** [Kernel::queue_call]. *)
Definition queue_call c k := push (Call c) (in_call c (set_place Queued) k).

Fixpoint remove_nth {A} (i : nat) (l : list A) : list A :=
  match l, i with
  | [], _ => []
  | _ :: l, 0 => l
  | x :: l, S i => x :: remove_nth i l
  end.

(** [Kernel::take]: the batch shrinks if the handle was of it. *)
Definition take i k : option (kernel * handle) :=
  match nth_error (ready k) i with
  | Some h =>
      let b := if i <? batch k then batch k - 1 else batch k in
      Some (note (ETake h) (set_batch b (set_ready (remove_nth i (ready k)) k)), h)
  | None => None
  end.

(** * Futures *)

Definition run_callback k cb :=
  match cb with WakeTask t => fst (wake t k) | RunCall c => queue_call c k end.

(** [Kernel::settle]: each callback is scheduled, in order of registration. *)
Definition settle f s m once k : kernel * bool :=
  match find_future f k with
  | Some x =>
      if is_pending (f_state x) then
        let done := Future s [] (f_on_cancel x) (f_cancel_requested x) m once (f_observed x) in
        let k1 := note (ESettle f s) (in_future f (fun _ => done) k) in
        let k2 := if f_observed x then set_observed (observed k1 ++ [f]) k1 else k1 in
        (fold_left run_callback (f_callbacks x) k2, true)
      else (k, false)
  | None => (k, false)
  end.

Definition future_new rule k : kernel * future_id :=
  let f := next_future k in
  let x := Future Pending [] rule false None false false in
  (set_next (next_task k) (S f) (next_call k) (set_futures ((f, x) :: futures k) k), f).

Definition calls_of (l : list callback) : list call_id :=
  flat_map (fun cb => match cb with RunCall c => [c] | WakeTask _ => [] end) l.

(** [Kernel::future_release]: a pending future's callbacks never run. *)
Definition future_release f k : kernel * list call_id :=
  match find_future f k with
  | Some x =>
      let dropped := calls_of (f_callbacks x) in
      let k1 := set_futures (remove f (futures k)) k in
      (set_calls (fold_left (fun l c => remove c l) dropped (calls k1)) k1, dropped)
  | None => (k, [])
  end.

(** [Kernel::take_message]. *)
Definition take_message f k : kernel * message :=
  match find_future f k with
  | Some x =>
      (if f_message_once x then in_future f (set_message None) k else k, f_message x)
  | None => (k, None)
  end.

Definition observe f k := in_future f set_observing k.
Definition take_observed k : kernel * list future_id := (set_observed [] k, observed k).

(** * Callbacks and timers *)

Definition new_call a p k : kernel * call_id :=
  let c := next_call k in
  (set_next (next_task k) (next_future k) (S c) (set_calls ((c, ACallOf a p) :: calls k) k), c).

Definition call_soon a k : kernel * call_id :=
  let (k, c) := new_call a Queued k in (push (Call c) k, c).

Fixpoint insert_timer (w : timer) (l : list timer) : list timer :=
  match l with
  | [] => [w]
  | v :: l' => if time_ltb (deadline w) (deadline v) then w :: l else v :: insert_timer w l'
  end.

Definition arm d a k : kernel * call_id :=
  let (k, c) := new_call a Armed k in
  let w := Timer d (registrations k) c (now k) in
  (set_timers (insert_timer w (timers k)) (S (registrations k)) k, c).

(** [Kernel::cancel_call]: a timer is disarmed, a ready handle stays as a no-op. *)
Definition cancel_call c k : kernel * bool :=
  match find c (calls k) with
  | Some x =>
      match c_place x with
      | Armed =>
          let others := filter (fun w => negb (timer_call w =? c)) (timers k) in
          (set_calls (remove c (calls k)) (set_timers others (registrations k) k), true)
      | Queued => (in_call c (set_place Dead) k, true)
      | Dead | OnDone => (k, false)
      end
  | None => (k, false)
  end.

(** [Kernel::begin_call]: runs what the kernel runs itself. *)
Definition begin_call c k : kernel * option action :=
  match find c (calls k) with
  | Some x =>
      let k1 := set_calls (remove c (calls k)) k in
      match c_place x, c_action x with
      | Dead, _ => (k1, None)
      | _, Closure => (k1, Some Closure)
      | _, Resolve f => (fst (settle f Finished None false k1), Some (Resolve f))
      end
  | None => (k, None)
  end.

Definition on_done f k : kernel * call_id :=
  if is_done f k then call_soon Closure k
  else
    let (k, c) := new_call Closure OnDone k in
    (in_future f (fun x => set_callbacks (f_callbacks x ++ [RunCall c]) x) k, c).

Definition is_call c cb : bool := match cb with RunCall d => c =? d | WakeTask _ => false end.

Definition remove_on_done f c k : kernel * bool :=
  match find_future f k with
  | Some x =>
      if existsb (is_call c) (f_callbacks x) then
        let others := filter (fun cb => negb (is_call c cb)) (f_callbacks x) in
        (set_calls (remove c (calls k)) (in_future f (set_callbacks others) k), true)
      else (k, false)
  | None => (k, false)
  end.

(** Every timer that is due joins the ready handles, in (deadline, registration). *)
Definition fire k w := queue_call (timer_call w) (note (EFire w (now k)) k).

Fixpoint due (n : time) (l : list timer) : list timer * list timer :=
  match l with
  | w :: l' =>
      if time_leb (deadline w) n then let (a, b) := due n l' in (w :: a, b) else ([], l)
  | [] => ([], [])
  end.

Definition collect_due k :=
  let (fired, left) := due (now k) (timers k) in
  fold_left fire fired (set_timers left (registrations k) k).

(** * Time *)

Inductive turn := TurnReady | TurnAdvanced | TurnIdle.

(** [Kernel::begin_iteration]: asyncio's [_run_once]. *)
Definition begin_iteration k : kernel * turn :=
  let k := set_iteration (S (iteration k)) k in
  let batched k := set_batch (length (ready k)) k in
  match ready k, stopping k, next_deadline k with
  | [], false, None => (k, TurnIdle)
  | [], false, Some d =>
      if time_ltb (now k) d then (batched (collect_due (set_now d k)), TurnAdvanced)
      else (batched (collect_due k), TurnReady)
  | _, _, _ => (batched (collect_due k), TurnReady)
  end.

(** [Kernel::slip]: the clock moves although handles are ready. *)
Definition slip k : kernel * bool :=
  match next_deadline k with
  | Some d => if time_ltb (now k) d then (collect_due (set_now d k), true) else (k, false)
  | None => (k, false)
  end.

Definition busy ns k := set_now (time_add (now k) ns) k.

(** * Tasks *)

Definition spawn k : kernel * (task_id * future_id) :=
  let t := next_task k in
  let (k, f) := future_new (OfTask t) k in
  let x := Task f 0 false false false false [] None None false 0 in
  let k := set_next (S t) (next_future k) (next_call k) (set_tasks ((t, x) :: tasks k) k) in
  (fst (wake t k), (t, f)).

Definition is_wake t cb : bool := match cb with WakeTask u => t =? u | RunCall _ => false end.

Fixpoint remove_first {A} (p : A -> bool) (l : list A) : list A :=
  match l with
  | [] => []
  | x :: l => if p x then l else x :: remove_first p l
  end.

(** [Kernel::remove_wake]: takes one wake-up back. *)
Definition remove_wake f t k :=
  in_future f (fun x => set_callbacks (remove_first (is_wake t) (f_callbacks x)) x) k.

Inductive entry := EntryPoll | EntryDrop (m : message) | EntryEnded.

(** [Kernel::begin_step]. *)
Definition begin_step t k : kernel * entry :=
  match find_task t k with
  | None => (k, EntryEnded)
  | Some x =>
      if t_ended x then (in_task t (set_queued false) k, EntryEnded)
      else
        let told := t_must_cancel x in
        let begun told := Task (t_future x) (S (t_step x)) false true false (t_aborted x)
          (t_awaits x) None told (t_told_taken x) (t_cancels x) in
        let nowhere := (t_step x =? 0) || match t_awaits x with [] => true | _ => false end in
        if t_aborted x || (is_some told && nowhere) then
          let k := in_task t (fun _ => begun None) k in
          (if is_some told then note (EDelivered t) k else k, EntryDrop (flatten told))
        else (in_task t (fun _ => begun told) k, EntryPoll)
  end.

Inductive await_answer := AwaitPending | AwaitDone | AwaitTold (m : message).

Definition same_await (a b : await) : bool :=
  match a_on a, a_on b with
  | Some f, Some g => f =? g
  | None, None => true
  | _, _ => false
  end && (a_since a =? a_since b).

(** [Kernel::poll_await]: [since] is what the last poll of the await gave. *)
Definition poll_await t on since k : kernel * (await_answer * option nat) :=
  match find_task t k with
  | None => (k, (AwaitDone, since))
  | Some x =>
      let pending := match on with Some f => negb (is_done f k) | None => true end in
      let cancelled :=
        match on with Some f => match state_of f k with Cancelled => true | _ => false end
        | None => false end in
      match since with
      | None =>
          if pending then
            let a := Await on (t_step x) in
            let k := in_task t (fun x => set_awaits (t_awaits x ++ [a]) x) k in
            let k := match on with
              | Some f => in_future f (fun y => set_callbacks (f_callbacks y ++ [WakeTask t]) y) k
              | None => fst (wake t k)
              end in
            (k, (AwaitPending, Some (t_step x)))
          else (k, (AwaitDone, None))
      | Some registered =>
          let old := registered <? t_step x in
          let told := if old then t_told x else None in
          let k := if is_some told then in_task t (set_told_taken true) k else k in
          match told with
          | Some m => if cancelled then (k, (AwaitDone, since)) else (k, (AwaitTold m, since))
          | None =>
              let waits := match on with Some _ => pending | None => registered =? t_step x end in
              (k, (if waits then AwaitPending else AwaitDone, since))
          end
      end
  end.

(** [Kernel::end_await]: a request that was to be delivered by this await is told at the next
    step instead. *)
Definition end_await t on since k :=
  match find_task t k with
  | None => k
  | Some x =>
      let a := Await on since in
      if existsb (same_await a) (t_awaits x) then
        let k := in_task t (set_awaits (remove_first (same_await a) (t_awaits x))) k in
        let k := match on with Some f => remove_wake f t k | None => k end in
        if is_some (t_must_cancel x) && negb (t_running x) then fst (wake t k) else k
      else k
  end.

(** * Cancellation *)

Section Cancel.
(** Cancels a future from inside of these tasks. *)
Variable cancel_future : list task_id -> message -> kernel -> future_id -> kernel * bool.

Definition refuse_or path m (c : kernel * bool) (on : option future_id) : kernel * bool :=
  let (k, refused) := c in
  match on with
  | None => (k, true)
  | Some f => let (k, taken) := cancel_future path m k f in (k, refused || negb taken)
  end.

(** Everything that the suspended task waits for is cancelled. Where that is refused, the task is
    told at its next step. *)
Definition tell_with path m t k : kernel :=
  match find_task t k with
  | None => k
  | Some x =>
      let nothing := match t_awaits x with [] => true | _ => false end in
      let (k, refused) := fold_left (refuse_or (t :: path) m) (map a_on (t_awaits x)) (k, nothing) in
      if refused then
        let parked := awaits_closing x k in
        let k := in_task t (set_must_cancel (Some m)) k in
        if parked then k else fst (wake t k)
      else k
  end.

Definition cancel_task_with path m t k : kernel * bool :=
  match find_task t k with
  | None => (k, false)
  | Some x =>
      if t_ended x || existsb (Nat.eqb t) path then (k, false)
      else
        let k := note (EAsk t) (in_task t (fun x => set_cancels (S (t_cancels x)) x) k) in
        if t_running x then (in_task t (set_must_cancel (Some m)) k, true)
        else (tell_with path m t k, true)
  end.

Definition any_or path m (c : kernel * bool) (f : future_id) : kernel * bool :=
  let (k, any) := c in
  let (k, taken) := cancel_future path m k f in (k, any || taken).
End Cancel.

(** [Kernel::cancel]. [path]: the tasks on the way down from where the cancel began; one that is
    met again refuses. [fuel] bounds the depth. *)
Fixpoint cancel_future (fuel : nat) (path : list task_id) (m : message) (k : kernel)
    (f : future_id) : kernel * bool :=
  match fuel with
  | 0 => (k, false)
  | S fuel =>
      match find_future f k with
      | None => (k, false)
      | Some x =>
          match f_state x, f_on_cancel x with
          | Pending, Itself => settle f Cancelled m false k
          | Pending, OfTask t => cancel_task_with (cancel_future fuel) path m t k
          | Pending, Children fs =>
              let (k, any) := fold_left (any_or (cancel_future fuel) path m) fs (k, false) in
              (if any then in_future f set_requested k else k, any)
          | _, _ => (k, false)
          end
      end
  end.

(** No way down is longer: it meets each task at most once, and between two tasks the futures
    get older. *)
Definition depth k : nat := S (length (tasks k)) * S (next_future k).

Definition cancel f m k : kernel * bool := cancel_future (depth k) [] m k f.
Definition cancel_task t m k : kernel * bool :=
  cancel_task_with (cancel_future (depth k)) [] m t k.
Definition tell m t k : kernel := tell_with (cancel_future (depth k)) [] m t k.

Definition count_cancel t k := in_task t (fun x => set_cancels (S (t_cancels x)) x) k.

Definition abort t k : kernel * bool :=
  match find_task t k with
  | Some x =>
      if t_ended x then (k, false)
      else
        let k := in_task t set_aborted k in
        (if t_running x then k else fst (wake t k), true)
  | None => (k, false)
  end.

(** [Kernel::uncancel]: at 0 a request that is not yet delivered is withdrawn. *)
Definition uncancel t k : kernel * nat :=
  match find_task t k with
  | Some x =>
      match t_cancels x with
      | 0 => (k, 0)
      | S n =>
          let k := in_task t (set_cancels n) k in
          (if n =? 0 then in_task t (set_must_cancel None) k else k, n)
      end
  | None => (k, 0)
  end.

(** * The end of a step *)

Inductive end_ := EndFinished | EndFailed | EndCancelled (m : message).
Inductive exit := ExitPending | ExitEnded (e : end_).

(** What a task settles as: a request that was not delivered wins over a value. *)
Definition outcome (e : end_) (asked : option message) : state * message * bool :=
  match e, asked with
  | EndFinished, Some m => (Cancelled, m, false)
  | EndFinished, None => (Finished, None, false)
  | EndFailed, _ => (Failed, None, false)
  | EndCancelled m, _ => (Cancelled, m, true)
  end.

(** What was asked of the task and not delivered in this step. *)
Definition asked (x : task) : option message :=
  or_else (t_must_cancel x) (if t_told_taken x then None else t_told x).

(** [Kernel::end_step]. *)
Definition end_step t e k : kernel :=
  match find_task t k with
  | None => k
  | Some x =>
      let k := if t_told_taken x then note (EDelivered t) k else k in
      let rest ended awaits := Task (t_future x) (t_step x) (t_queued x) false ended (t_aborted x)
        awaits None None false (t_cancels x) in
      match e with
      | ExitPending =>
          let k := in_task t (fun _ => rest false (t_awaits x)) k in
          let k := match asked x with Some m => tell m t k | None => k end in
          if t_aborted x then fst (wake t k) else k
      | ExitEnded e =>
          let k := in_task t (fun _ => rest true []) k in
          let k := fold_left (fun k f => remove_wake f t k) (awaited x) k in
          let '(s, m, once) := outcome e (asked x) in
          fst (settle (t_future x) s m once k)
      end
  end.

(** [Kernel::task_release]: of an ended task. *)
Definition task_release t k : kernel :=
  match find_task t k with
  | None => k
  | Some x => fst (future_release (t_future x) (set_tasks (remove t (tasks k)) k))
  end.
