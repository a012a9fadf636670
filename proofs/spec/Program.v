(** Programs of a small asyncio, and an interpreter that runs them on the kernel: spawn, await,
    gather, shield, futures, cancel, raise, try, callbacks, timers, and [asyncio.run] around them.

    The interpreter is the shell's second writing. It touches the kernel only by [ask], which does
    nothing but what the op checker allows, so what is proved of accepted lists of operations holds
    of every run of every program. Every nondeterminism is one choice: which ready handle runs
    next. The run without choices is asyncio's, and says what CPython says. *)
From Coq Require Import List Arith NArith Bool.
From Seedloop.Spec Require Import Map Kernel Machine.
Import ListNotations.

(** * Programs *)

(** Names of handles, coroutines, callbacks, and kinds of exceptions are numbers. *)
Definition name := nat.

(** [0] is CancelledError, and these come from the library or from Python. *)
Definition cancelled_error : nat := 0.
Definition invalid_state_error : nat := 1.
Definition runtime_error : nat := 2.
Definition type_error : nat := 3.
Definition attribute_error : nat := 4.

Record exception := Exn { e_kind : nat; e_message : message }.

Inductive value :=
| VNone
| VBool (b : bool)
| VLiteral (n : nat)     (** of the program, by number *)
| VList (l : list value)
| VExc (e : exception).

(** What an awaitable is. The handle of a callback is none, and no program may await it. *)
Inductive awaitable :=
| AwHandle (h : name)
| AwCoro (c : name)
| AwSleep (d : time) (v : value)
| AwGather (l : list awaitable) (return_exceptions : bool)
| AwShield (a : awaitable).

Inductive stmt :=
| Log (v : value)
| Now
| Do (a : awaitable)                                   (** [await a] *)
| Make (a : awaitable) (h : name)                      (** [h = ensure_future(a)] *)
| Start (c h : name)                                   (** [h = create_task(c())] *)
| Current (h : name)
| CancelIt (h : name) (m : message)
| UncancelIt (h : option name)
| CancellingIt (h : option name)
| StateOf (h : name)
| ResultOf (h : name)
| ExceptionOf (h : name)
| SetResult (h : name) (v : value)
| SetException (h : name) (e : exception)
| WhenDone (h callback : name) (body : list stmt)
| NotWhenDone (h callback : name)
| Soon (callback h : name) (body : list stmt)
| Later (d : time) (callback h : name) (body : list stmt)
| At (t : time) (callback h : name) (body : list stmt)
| Block (d : time)                                     (** [time.sleep] *)
| Try (body : list stmt) (handlers : list (list nat * list stmt)) (otherwise finally : list stmt)
| Raise (e : exception)
| Reraise
| Return (v : value)
| Repeat (n : nat) (body : list stmt).

(** [p_futures]: handles of plain futures, which are there at first. *)
Record program := Program { p_futures : list name; p_coros : list (name * list stmt) }.

Definition main_coro : name := 0.
Definition body_of c p : list stmt := match find c (p_coros p) with Some b => b | None => [] end.

(** * What a run says *)

Inductive kind := KHandle | KCoro | KSleep | KGather | KShield.

Inductive result := Good (v : value) | Bad (e : exception).

Inductive settled := SPending | SCancelled | SDone (r : result).

Inductive label := Named (h : name) | Implicit (n : nat).

Inductive said :=
| Entered (c : name)
| Returned (c : name) (v : value)
| Raised (c : name) (e : exception)
| Logged (v : value)
| IsNow (t : time)
| Ok (k : kind) (v : value)
| Err (k : kind) (e : exception)
| Excepted (e : exception)
| Finally
| CancelSaid (h : name) (v : value)
| UncancelSaid (n : nat)
| CancellingSaid (n : nat)
| StateSaid (h : name) (s : settled)
| ResultSaid (h : name) (r : result)
| ExceptionSaid (h : name) (r : result)
| SetResultSaid (h : name) (r : result)
| SetExceptionSaid (h : name) (r : result)
| NotWhenDoneSaid (h : name) (removed : bool)
| Called (callback : name) (on : option (name * settled))
| Missing (hs : list name)
| HandlerSaid (e : exception) (on : option label)
| RunReturned (v : value)
| RunRaised (e : exception)
| Deadlock (pending : list label).

Record line := Line { l_time : time; l_iteration : nat; l_task : option label; l_said : said }.

(** * The state of a run *)

(** What stands behind a handle's name. *)
Inductive thing := OfFuture (f : future_id) | OfCall (c : call_id).

Inductive flow := Next | Value (v : value) | Leave (v : value) | Threw (e : exception).

(** The rest of a coroutine, innermost first. *)
Inductive frame :=
| FSeq (l : list stmt)
| FRepeat (n : nat) (l : list stmt)
| FTry (handlers : list (list nat * list stmt)) (otherwise finally : list stmt)
| FHandler (e : exception)                    (** in the body of an [except] *)
| FGuard (finally : list stmt)
| FFinally (o : flow)                   (** in the body of a [finally]; what then goes on *)
| FEnter (c : name)                           (** a coroutine that has not begun *)
| FCall (c : name)                            (** the end of a coroutine *)
| FAwaited (k : kind)                         (** says how the await ended *)
| FBegin (d : time) (v : value).              (** a sleep that has not begun *)

(** What a suspended task waits for. *)
Inductive wait := WTurn (v : value) | WTimer (f : future_id) (timer : call_id) (v : value)
  | WFuture (f : future_id) | WItself.

Inductive body := Waiting (w : wait) (since : nat) (fs : list frame) | Fresh (fs : list frame).

(** What a callback does. *)
Inductive job :=
| Stop                                        (** [run_until_complete] *)
| User (callback : name) (b : list stmt)
| UserDone (callback h : name) (f : future_id) (b : list stmt)
| ChildDone (gathering child : future_id)
| InnerDone (inner outer : future_id)         (** of a shield *)
| OuterDone (inner : future_id) (inner_done : call_id).

Record gathering := Gathering { g_children : list future_id; g_left : nat; g_each : bool }.

(** What [asyncio.run] is waiting for. *)
Inductive phase := InMain | InLeft (left : list task_id) | InShutdown (more : nat) | Over.

(** What only operations change. The operations with their answers, newest first. *)
Record core := Core { machine_of : machine; operations : list (op * answer); refused : bool }.

Record rest := Rest {
  lines : list line;                          (** newest first *)
  names : list (name * thing);
  results : list (future_id * result);
  bodies : list (task_id * body);
  labels : list (task_id * label);            (** newest first *)
  jobs : list (call_id * job);
  gatherings : list (future_id * gathering);
  added : list (name * (name * call_id));     (** by handle: the callbacks of [WhenDone] *)
  implicit : nat;
  active : option task_id;                    (** who runs *)
  target : future_id;                         (** what [run_until_complete] waits for *)
  stop_call : call_id;
  at_phase : phase }.

Record world := World { core_of : core; rest_of : rest }.

Definition kernel_of w : kernel := kern (machine_of (core_of w)).

(** Does what the checker allows, and nothing else. *)
Definition ask (o : op) (w : world) : world * answer :=
  let c := core_of w in
  match apply (machine_of c) o with
  | Some (m, a) => (World (Core m ((o, a) :: operations c) (refused c)) (rest_of w), a)
  | None => (World (Core (machine_of c) (operations c) true) (rest_of w), AUnit)
  end.
Definition asks o w : world := fst (ask o w).

(** ** Changing one field *)

Definition with_rest (g : rest -> rest) w := World (core_of w) (g (rest_of w)).
Definition set_lines x r := Rest x (names r) (results r) (bodies r) (labels r) (jobs r)
  (gatherings r) (added r) (implicit r) (active r) (target r) (stop_call r) (at_phase r).
Definition set_names x r := Rest (lines r) x (results r) (bodies r) (labels r) (jobs r)
  (gatherings r) (added r) (implicit r) (active r) (target r) (stop_call r) (at_phase r).
Definition set_results x r := Rest (lines r) (names r) x (bodies r) (labels r) (jobs r)
  (gatherings r) (added r) (implicit r) (active r) (target r) (stop_call r) (at_phase r).
Definition set_bodies x r := Rest (lines r) (names r) (results r) x (labels r) (jobs r)
  (gatherings r) (added r) (implicit r) (active r) (target r) (stop_call r) (at_phase r).
Definition set_labels x i r := Rest (lines r) (names r) (results r) (bodies r) x (jobs r)
  (gatherings r) (added r) i (active r) (target r) (stop_call r) (at_phase r).
Definition set_jobs x r := Rest (lines r) (names r) (results r) (bodies r) (labels r) x
  (gatherings r) (added r) (implicit r) (active r) (target r) (stop_call r) (at_phase r).
Definition set_gatherings x r := Rest (lines r) (names r) (results r) (bodies r) (labels r)
  (jobs r) x (added r) (implicit r) (active r) (target r) (stop_call r) (at_phase r).
Definition set_added x r := Rest (lines r) (names r) (results r) (bodies r) (labels r) (jobs r)
  (gatherings r) x (implicit r) (active r) (target r) (stop_call r) (at_phase r).
Definition set_active x r := Rest (lines r) (names r) (results r) (bodies r) (labels r) (jobs r)
  (gatherings r) (added r) (implicit r) x (target r) (stop_call r) (at_phase r).
Definition set_phase f c p r := Rest (lines r) (names r) (results r) (bodies r) (labels r) (jobs r)
  (gatherings r) (added r) (implicit r) (active r) f c p.

Definition put {A} (i : nat) (x : A) (l : list (nat * A)) : list (nat * A) := (i, x) :: remove i l.

Definition name_it h x w := with_rest (fun r => set_names (put h x (names r)) r) w.
Definition keep f x w := with_rest (fun r => set_results (put f x (results r)) r) w.
Definition seat t b w := with_rest (fun r => set_bodies (put t b (bodies r)) r) w.
Definition unseat t w := with_rest (fun r => set_bodies (remove t (bodies r)) r) w.
Definition give_job c j w := with_rest (fun r => set_jobs ((c, j) :: jobs r) r) w.
Definition end_job c w := with_rest (fun r => set_jobs (remove c (jobs r)) r) w.
Definition set_gathering g x w := with_rest (fun r => set_gatherings (put g x (gatherings r)) r) w.
Definition act_as t w := with_rest (set_active t) w.

Definition label_of t w : option label := find t (labels (rest_of w)).
Definition say s w :=
  let task := match active (rest_of w) with Some t => label_of t w | None => None end in
  let l := Line (now (kernel_of w)) (iteration (kernel_of w)) task s in
  with_rest (fun r => set_lines (l :: lines r) r) w.

(** ** Small questions *)

Definition handle_named h w : option thing := find h (names (rest_of w)).
Definition result_of f w : result :=
  match find f (results (rest_of w)) with Some r => r | None => Good VNone end.
Definition settled_of f w : settled :=
  match state_of f (kernel_of w) with
  | Pending => SPending
  | Cancelled => SCancelled
  | _ => SDone (result_of f w)
  end.
Definition task_of f k : option task_id :=
  match find_future f k with
  | Some x => match f_on_cancel x with OfTask t => Some t | _ => None end
  | None => None
  end.
Definition future_of t w : future_id :=
  match find_task t (kernel_of w) with Some x => t_future x | None => 0 end.
Definition error kind : result := Bad (Exn kind None).

Definition answered_future (c : world * answer) : world * future_id :=
  (fst c, match snd c with AFuture f => f | _ => 0 end).
Definition answered_call (c : world * answer) : world * call_id :=
  (fst c, match snd c with ACall x => x | _ => 0 end).

(** [Future.result()] of a future that is done. *)
Definition outcome_now f w : world * result :=
  match settled_of f w with
  | SPending => (w, error invalid_state_error)
  | SCancelled =>
      let (w, a) := ask (OTakeMessage f) w in
      (w, Bad (Exn cancelled_error (match a with AMessage m => m | _ => None end)))
  | SDone r => (w, r)
  end.

(** * Tasks, gatherings, shields *)

Definition start_task (l : option label) fs w : world * future_id :=
  let (w, a) := ask OSpawn w in
  match a with
  | ATask t f =>
      let w := seat t (Fresh fs) w in
      (match l with
       | Some l => with_rest (fun r => set_labels ((t, l) :: labels r) (implicit r) r) w
       | None => w
       end, f)
  | _ => (w, 0)
  end.

Definition start_implicit fs w : world * future_id :=
  let n := S (implicit (rest_of w)) in
  start_task (Some (Implicit n)) fs (with_rest (fun r => set_labels (labels r) n r) w).

(** [add_done_callback]. *)
Definition when_done f j w : world * call_id :=
  let (w, c) := answered_call (ask (OOnDone f) w) in (give_job c j w, c).

Definition settle_as f r w : world :=
  asks (OResolve f (match r with Good _ => Finished | Bad _ => Failed end)) (keep f r w).

(** The message that [cancel] left on the future itself. *)
Definition own_message f k : message :=
  match find_future f k with
  | Some x => if f_message_once x then None else f_message x
  | None => None
  end.

Definition shown_child w f : value :=
  match settled_of f w with
  | SDone (Good v) => v
  | SDone (Bad e) => VExc e
  | _ => VExc (Exn cancelled_error (own_message f (kernel_of w)))
  end.
Definition value_child w f : value :=
  match settled_of f w with SDone (Good v) => v | _ => VNone end.

Fixpoint last_of (l : list nat) : option nat :=
  match l with [] => None | [x] => Some x | _ :: l => last_of l end.

(** [_done_callback] of [gather], once all are done. *)
Definition finish_gathering g (x : gathering) w : world :=
  let all := VList (map (if g_each x then shown_child w else value_child w) (g_children x)) in
  let requested :=
    match find_future g (kernel_of w) with Some y => f_cancel_requested y | None => false end in
  match requested, last_of (g_children x) with
  | true, Some f =>
      let (w, a) := ask (OTakeMessage f) w in
      settle_as g (Bad (Exn cancelled_error (match a with AMessage m => m | _ => None end))) w
  | _, _ => settle_as g (Good all) w
  end.

Definition child_done g f w : world :=
  match find g (gatherings (rest_of w)) with
  | None => w
  | Some x =>
      let x := Gathering (g_children x) (g_left x - 1) (g_each x) in
      let w := set_gathering g x w in
      if is_done g (kernel_of w) then w
      else
        match g_each x, settled_of f w with
        | false, SCancelled | false, SDone (Bad _) =>
            let (w, r) := outcome_now f w in settle_as g r w
        | _, _ => if g_left x =? 0 then finish_gathering g x w else w
        end
  end.

Fixpoint distinct (seen l : list nat) : list nat :=
  match l with
  | [] => []
  | x :: l =>
      if existsb (Nat.eqb x) seen then distinct seen l else x :: distinct (x :: seen) l
  end.

Definition watch_child g w f : world :=
  if is_done f (kernel_of w) then w else fst (when_done f (ChildDone g f) w).
Definition collect_child (done_first : list nat) g w f : world :=
  if existsb (Nat.eqb f) done_first then child_done g f w else w.

Definition start_gathering fs each w : world * future_id :=
  let once := distinct [] fs in
  let done_first := filter (fun f => is_done f (kernel_of w)) once in
  let (w, g) := answered_future (ask (OFutureNew (Children fs)) w) in
  let x := Gathering fs (length once) each in
  let w := set_gathering g x w in
  let w := match once with [] => finish_gathering g x w | _ => w end in
  let w := fold_left (watch_child g) once w in
  (fold_left (collect_child done_first g) once w, g).

Definition start_shield f w : world * future_id :=
  if is_done f (kernel_of w) then (w, f)
  else
    let (w, outer) := answered_future (ask (OFutureNew Itself) w) in
    let (w, c) := when_done f (InnerDone f outer) w in
    (fst (when_done outer (OuterDone f c) w), outer).

(** What an awaitable is once it is built: a future, or a coroutine that has not begun. *)
Inductive built := BFuture (f : future_id) | BFrames (k : kind) (fs : list frame).

(** [ensure_future]. *)
Definition ensure b w : world * future_id :=
  match b with BFuture f => (w, f) | BFrames _ fs => start_implicit fs w end.
Fixpoint ensure_all l w : world * list future_id :=
  match l with
  | [] => (w, [])
  | b :: l =>
      let (w, f) := ensure b w in
      let (w, fs) := ensure_all l w in
      (w, f :: fs)
  end.

(** Arguments are built first, as Python evaluates them. *)
Fixpoint build (a : awaitable) (w : world) : world * built :=
  match a with
  | AwHandle h =>
      (w, match handle_named h w with Some (OfFuture f) => BFuture f | _ => BFrames KHandle [] end)
  | AwCoro c => (w, BFrames KCoro [FEnter c])
  | AwSleep d v => (w, BFrames KSleep [FBegin d v])
  | AwGather l each =>
      let (w, bs) :=
        fold_left (fun c a => let (w, b) := build a (fst c) in (w, snd c ++ [b])) l (w, []) in
      let (w, fs) := ensure_all bs w in
      let (w, g) := start_gathering fs each w in
      (w, BFuture g)
  | AwShield a =>
      let (w, b) := build a w in
      let (w, f) := ensure b w in
      let (w, f) := start_shield f w in
      (w, BFuture f)
  end.

Definition kind_of (a : awaitable) : kind :=
  match a with
  | AwHandle _ => KHandle | AwCoro _ => KCoro | AwSleep _ _ => KSleep
  | AwGather _ _ => KGather | AwShield _ => KShield
  end.

Fixpoint handles_in (a : awaitable) : list name :=
  match a with
  | AwHandle h => [h]
  | AwCoro _ | AwSleep _ _ => []
  | AwGather l _ => flat_map handles_in l
  | AwShield a => handles_in a
  end.

Definition is_known w h : bool := is_some (handle_named h w).
(** Without its handles a statement is skipped. *)
Definition missing hs w : list name := filter (fun h => negb (is_known w h)) hs.

(** * Statements that do not wait *)

Definition attempt (s : result -> said) r w : world * flow :=
  (say (s r) w, match r with Good _ => Next | Bad e => Threw e end).

Definition set_plain f r w : world * result :=
  if is_some (task_of f (kernel_of w)) then (w, error runtime_error)
  else if is_done f (kernel_of w) then (w, error invalid_state_error)
  else (settle_as f r w, Good VNone).

(** [Future.exception()]. *)
Definition exception_now f w : world * result :=
  match settled_of f w with
  | SDone (Good _) => (w, Good VNone)
  | SDone (Bad e) => (w, Good (VExc e))
  | _ => outcome_now f w
  end.


Definition schedule o callback h b w : world :=
  let (w, c) := answered_call (ask o w) in
  name_it h (OfCall c) (give_job c (User callback b) w).

(** Of a future with the name [h]. *)
Definition with_future h w (g : future_id -> world * flow) : world * flow :=
  match handle_named h w with
  | Some (OfFuture f) => g f
  | Some (OfCall _) => (w, Threw (Exn attribute_error None))
  | None => (say (Missing [h]) w, Next)
  end.

(** Of the running task, or of the task with the name [h]. *)
Definition with_task (h : option name) w (g : task_id -> world * flow) : world * flow :=
  let take (t : option task_id) :=
    match t with Some t => g t | None => (w, Threw (Exn attribute_error None)) end in
  match h with
  | None => take (active (rest_of w))
  | Some h =>
      match handle_named h w with
      | None => (say (Missing [h]) w, Next)
      | Some (OfFuture f) => take (task_of f (kernel_of w))
      | Some (OfCall _) => take None
      end
  end.

Definition cancel_named h m w : world * flow :=
  match handle_named h w with
  | None => (say (Missing [h]) w, Next)
  | Some (OfCall c) =>
      match m with
      | None => (say (CancelSaid h VNone) (asks (OCancelCall c) w), Next)
      | Some _ => (w, Threw (Exn type_error None))
      end
  | Some (OfFuture f) =>
      let (w, a) := ask (OCancel f m) w in
      (say (CancelSaid h (VBool (match a with ABool b => b | _ => false end))) w, Next)
  end.

(** The call of the callback that [WhenDone] added last under these names. *)
Fixpoint added_as h callback (l : list (name * (name * call_id))) : option call_id :=
  match l with
  | [] => None
  | (h', (cb, c)) :: l =>
      if (h =? h') && (callback =? cb) then Some c else added_as h callback l
  end.

Definition statement (s : stmt) (w : world) : world * flow :=
  match s with
  | Log v => (say (Logged v) w, Next)
  | Now => (say (IsNow (now (kernel_of w))) w, Next)
  | Make a h =>
      match missing (handles_in a) w with
      | [] =>
          let (w, b) := build a w in
          let (w, f) := ensure b w in
          (name_it h (OfFuture f) w, Next)
      | hs => (say (Missing hs) w, Next)
      end
  | Start c h =>
      let (w, f) := start_task (Some (Named h)) [FEnter c] w in (name_it h (OfFuture f) w, Next)
  | Current h =>
      (match active (rest_of w) with
       | Some t => name_it h (OfFuture (future_of t w)) w
       | None => w
       end, Next)
  | CancelIt h m => cancel_named h m w
  | UncancelIt h =>
      with_task h w (fun t =>
        let (w, a) := ask (OUncancel t) w in
        (say (UncancelSaid (match a with ACount n => n | _ => 0 end)) w, Next))
  | CancellingIt h =>
      with_task h w (fun t =>
        let n := match find_task t (kernel_of w) with Some x => t_cancels x | None => 0 end in
        (say (CancellingSaid n) w, Next))
  | StateOf h => with_future h w (fun f => (say (StateSaid h (settled_of f w)) w, Next))
  | ResultOf h =>
      with_future h w (fun f => let (w, r) := outcome_now f w in attempt (ResultSaid h) r w)
  | ExceptionOf h =>
      with_future h w (fun f => let (w, r) := exception_now f w in attempt (ExceptionSaid h) r w)
  | SetResult h v =>
      with_future h w (fun f =>
        let (w, r) := set_plain f (Good v) w in attempt (SetResultSaid h) r w)
  | SetException h e =>
      with_future h w (fun f =>
        let (w, r) := set_plain f (Bad e) w in attempt (SetExceptionSaid h) r w)
  | WhenDone h cb b =>
      with_future h w (fun f =>
        let (w, c) := when_done f (UserDone cb h f b) w in
        (with_rest (fun r => set_added ((h, (cb, c)) :: added r) r) w, Next))
  | NotWhenDone h cb =>
      with_future h w (fun f =>
        match added_as h cb (added (rest_of w)) with
        | Some c =>
            let (w, a) := ask (ORemoveOnDone f c) w in
            (say (NotWhenDoneSaid h (match a with ABool b => b | _ => false end)) w, Next)
        | None => (w, Next)
        end)
  | Soon cb h b => (schedule (OCallSoon Closure) cb h b w, Next)
  | Later d cb h b => (schedule (OArm (time_add (now (kernel_of w)) d) Closure) cb h b w, Next)
  | At t cb h b => (schedule (OArm t Closure) cb h b w, Next)
  | Block d => (asks (OBusy d) w, Next)
  | Raise e => (w, Threw e)
  | Return v => (w, Leave v)
  | Do _ | Try _ _ _ _ | Reraise | Repeat _ _ => (w, Next)
  end.

(** * Coroutines *)

(** Why a coroutine stops running: it waits, or it has ended. *)
Inductive pause := Suspended (w : wait) (since : nat) (fs : list frame) | Ended (r : result).

(** The end of an await, or [None] if it goes on waiting. *)
Definition waited (wt : wait) (a : await_answer) w : world * option result :=
  match a with
  | AwaitPending => (w, None)
  | _ =>
      let told := match a with AwaitTold m => Some (Bad (Exn cancelled_error m)) | _ => None end in
      match wt with
      | WTurn v => (w, Some (match told with Some r => r | None => Good v end))
      | WItself => (w, Some (match told with Some r => r | None => error runtime_error end))
      | WTimer f timer v =>
          let (w, r) :=
            match state_of f (kernel_of w) with
            | Cancelled => outcome_now f w
            | _ => (w, match told with Some r => r | None => Good v end)
            end in
          (asks (OCancelCall timer) w, Some r)
      | WFuture f =>
          match told, settled_of f w with
          | None, _ => let (w, r) := outcome_now f w in (w, Some r)
          (* A cancellation that the future itself has ended with goes first. *)
          | Some _, SDone (Bad (Exn 0 m)) => (w, Some (Bad (Exn cancelled_error m)))
          | Some r, _ => (w, Some r)
          end
      end
  end.

Definition on_of (wt : wait) : option future_id :=
  match wt with WTurn _ | WItself => None | WTimer f _ _ => Some f | WFuture f => Some f end.

(** Polls the await; [since] as for [OPollAwait]. *)
Definition poll_wait t wt since w : world * (option result * nat) :=
  let (w, a) := ask (OPollAwait t (on_of wt) since) w in
  match a with
  | AAwait AwaitPending (Some n) => (w, (None, n))
  | AAwait a since =>
      let w := match since with Some n => asks (OEndAwait t (on_of wt) n) w | None => w end in
      let (w, r) := waited wt a w in
      (w, (r, 0))
  | _ => (w, (Some (error runtime_error), 0))
  end.

Definition begin_sleep d v w : world * wait :=
  if time_ltb 0%N d then
    let (w, f) := answered_future (ask (OFutureNew Itself) w) in
    let (w, c) := answered_call (ask (OArm (time_add (now (kernel_of w)) d) (Resolve f)) w) in
    (w, WTimer f c v)
  else (w, WTurn v).

Definition wait_on t f w : wait :=
  match task_of f (kernel_of w) with
  | Some u => if t =? u then WItself else WFuture f
  | None => WFuture f
  end.

Fixpoint catching (kind : nat) (hs : list (list nat * list stmt)) : option (list stmt) :=
  match hs with
  | [] => None
  | (kinds, b) :: hs => if existsb (Nat.eqb kind) kinds then Some b else catching kind hs
  end.

Fixpoint handled (fs : list frame) : exception :=
  match fs with
  | [] => Exn runtime_error None
  | FHandler e :: _ => e
  | _ :: fs => handled fs
  end.

Definition throwing (r : result) : flow :=
  match r with Good v => Value v | Bad e => Threw e end.

Section Run.
Variable p : program.

(** Runs the frames of task [t], or of a callback, until it waits or ends. *)
Fixpoint run_frames (fuel : nat) (t : option task_id) (o : flow) (fs : list frame)
    (w : world) : world * pause :=
  match fuel with
  | 0 => (World (Core (machine_of (core_of w)) (operations (core_of w)) true) (rest_of w),
          Ended (error runtime_error))
  | S fuel =>
      let go := run_frames fuel t in
      (* A callback cannot wait. *)
      let wait_for wt fs w :=
        match t with
        | None => go (Threw (Exn runtime_error None)) fs w
        | Some u =>
            let '(w, (r, since)) := poll_wait u wt None w in
            match r with
            | None => (w, Suspended wt since fs)
            | Some r => go (throwing r) fs w
            end
        end in
      match fs with
      | [] => (w, Ended (match o with
                         | Next => Good VNone | Value v | Leave v => Good v | Threw e => Bad e
                         end))
      | f :: fs =>
          match f, o with
          | FSeq (s :: l), Next =>
              let rest := FSeq l :: fs in
              match s with
              | Do a =>
                  match missing (handles_in a) w with
                  | [] =>
                      let (w, b) := build a w in
                      let fs := FAwaited (kind_of a) :: rest in
                      match b, t with
                      | BFuture f, Some u => wait_for (wait_on u f w) fs w
                      | BFuture f, None => wait_for (WFuture f) fs w
                      | BFrames _ begun, _ => go Next (begun ++ fs) w
                      end
                  | hs => go Next rest (say (Missing hs) w)
                  end
              | Try b hs els fin => go Next (FSeq b :: FTry hs els fin :: rest) w
              | Reraise => go (Threw (handled rest)) rest w
              | Repeat n b => go Next (FRepeat n b :: rest) w
              | _ => let (w, o) := statement s w in go o rest w
              end
          | FSeq _, _ => go o fs w
          | FRepeat (S n) b, Next => go Next (FSeq b :: FRepeat n b :: fs) w
          | FRepeat _ _, _ => go o fs w
          | FTry _ els fin, Next => go Next (FSeq els :: FGuard fin :: fs) w
          | FTry hs _ fin, Threw e =>
              match catching (e_kind e) hs with
              | Some b => go Next (FSeq b :: FHandler e :: FGuard fin :: fs) (say (Excepted e) w)
              | None => go o (FGuard fin :: fs) w
              end
          | FTry _ _ fin, _ => go o (FGuard fin :: fs) w
          | FHandler _, _ => go o fs w
          | FGuard [], _ => go o fs w
          | FGuard fin, _ => go Next (FSeq fin :: FFinally o :: fs) (say Finally w)
          | FFinally before, Next => go before fs w
          | FFinally _, _ => go o fs w
          | FEnter c, Next => go Next (FSeq (body_of c p) :: FCall c :: fs) (say (Entered c) w)
          | FEnter _, _ => go o fs w
          | FCall c, Threw e => go o fs (say (Raised c e) w)
          | FCall c, Next => go (Value VNone) fs (say (Returned c VNone) w)
          | FCall c, Leave v | FCall c, Value v => go (Value v) fs (say (Returned c v) w)
          | FAwaited k, Threw e => go o fs (say (Err k e) w)
          | FAwaited k, Value v => go Next fs (say (Ok k v) w)
          | FAwaited k, _ => go Next fs (say (Ok k VNone) w)
          | FBegin d v, Next => let (w, wt) := begin_sleep d v w in wait_for wt fs w
          | FBegin _ _, _ => go o fs w
          end
      end
  end.

(** How long a step may be. *)
Variable fuel : nat.

(** * One handle *)

Definition end_of_step t (c : world * pause) : world :=
  let (w, s) := c in
  match s with
  | Suspended wt since fs => asks (OEndStep t ExitPending) (seat t (Waiting wt since fs) w)
  | Ended (Good v) => asks (OEndStep t (ExitEnded EndFinished)) (keep (future_of t w) (Good v) w)
  | Ended (Bad (Exn 0 m)) => asks (OEndStep t (ExitEnded (EndCancelled m))) w
  | Ended (Bad e) => asks (OEndStep t (ExitEnded EndFailed)) (keep (future_of t w) (Bad e) w)
  end.

Definition poll_task t w : world :=
  match find t (bodies (rest_of w)) with
  | None => asks (OEndStep t ExitPending) w
  | Some (Fresh fs) => end_of_step t (run_frames fuel (Some t) Next fs (unseat t w))
  | Some (Waiting wt since fs) =>
      let '(w, (r, since)) := poll_wait t wt (Some since) w in
      match r with
      | None => asks (OEndStep t ExitPending) w
      | Some r => end_of_step t (run_frames fuel (Some t) (throwing r) fs (unseat t w))
      end
  end.

Definition run_step t w : world :=
  let (w, a) := ask (OBeginStep t) w in
  match a with
  | AEntry EntryPoll => act_as None (poll_task t (act_as (Some t) w))
  | AEntry (EntryDrop m) => asks (OEndStep t (ExitEnded (EndCancelled m))) (unseat t w)
  | _ => w
  end.

(** The body of a callback: an error goes to the exception handler. *)
Definition run_body b w : world :=
  let (w, s) := run_frames fuel None Next [FSeq b] w in
  match s with Ended (Bad e) => say (HandlerSaid e None) w | _ => w end.

Definition run_job j w : world :=
  match j with
  | Stop => asks (OSetStopping true) w
  | User cb b => run_body b (say (Called cb None) w)
  | UserDone cb h f b => run_body b (say (Called cb (Some (h, settled_of f w))) w)
  | ChildDone g f => child_done g f w
  | InnerDone f outer =>
      match is_done outer (kernel_of w), settled_of f w with
      | false, SCancelled => asks (OCancel outer None) w
      | false, SDone r => settle_as outer r w
      | _, _ => w
      end
  | OuterDone f c => asks (ORemoveOnDone f c) w
  end.

Definition run_call c w : world :=
  let (w, a) := ask (OBeginCall c) w in
  let j := find c (jobs (rest_of w)) in
  let w := end_job c w in
  match a, j with AAction (Some Closure), Some j => run_job j w | _, _ => w end.

Definition run_handle h w : world :=
  match h with Step t => run_step t w | Call c => run_call c w end.

(** * [asyncio.run] *)

Definition live_tasks k : list task_id :=
  rev (map fst (filter (fun e => negb (t_ended (snd e))) (tasks k))).

Definition until_done f ph w : world :=
  let (w, c) := when_done f Stop w in with_rest (set_phase f c ph) w.

Definition shut_down more w : world :=
  let (w, f) := start_task None [] w in until_done f (InShutdown more) w.

(** The tasks that are left are cancelled, and waited for. *)
Definition clean_up w : world :=
  match live_tasks (kernel_of w) with
  | [] => shut_down 1 w
  | ts =>
      let w := fold_left (fun w t => asks (OCancelTask t None) w) ts w in
      let (w, g) := start_gathering (map (fun t => future_of t w) ts) true w in
      until_done g (InLeft ts) w
  end.

Definition report_left w t : world :=
  match settled_of (future_of t w) w with
  | SDone (Bad e) => say (HandlerSaid e (label_of t w)) w
  | _ => w
  end.

(** The loop was left, because what it waited for is done. *)
Definition next_phase w : world :=
  let f := target (rest_of w) in
  let w := asks (ORemoveOnDone f (stop_call (rest_of w))) w in
  match at_phase (rest_of w) with
  | InMain =>
      let (w, r) := outcome_now f w in
      clean_up (say (match r with Good v => RunReturned v | Bad e => RunRaised e end) w)
  | InLeft ts => shut_down 1 (fold_left report_left ts w)
  | InShutdown (S more) => shut_down more w
  | InShutdown 0 | Over => with_rest (set_phase 0 0 Over) w
  end.

Definition deadlock w : world :=
  let here := flat_map (fun t => match label_of t w with Some l => [l] | None => [] end) in
  with_rest (set_phase 0 0 Over) (say (Deadlock (here (live_tasks (kernel_of w)))) w).

(** An iteration begins. *)
Definition begin_loop w : world :=
  let (w, a) := ask OBeginIteration w in
  match a with ATurn TurnIdle => deadlock w | _ => w end.

(** The ready handle number [i] runs. If it was the last of the iteration and the loop is to stop,
    the loop is left. *)
Definition run_nth i w : world :=
  let (w, a) := ask (OTake i) w in
  match a with
  | AHandle h =>
      let w := run_handle h w in
      let k := kernel_of w in
      if (batch k =? 0) && stopping k then next_phase (asks (OSetStopping false) w) else w
  | _ => w
  end.

Definition is_over w : bool := match at_phase (rest_of w) with Over => true | _ => false end.

(** Whether there is a choice: among so many. *)
Definition menu w : option nat :=
  let k := kernel_of w in
  if is_over w || (batch k =? 0) || (length (ready k) <? 2) then None else Some (length (ready k)).

(** One step of the loop, with the choice [i] if there is one. *)
Definition step_at i w : world :=
  if batch (kernel_of w) =? 0 then begin_loop w else run_nth i w.

Fixpoint modulo (fuel a n : nat) : nat :=
  match fuel with 0 => 0 | S fuel => if a <? n then a else modulo fuel (a - n) n end.

(** [choices]: one for each menu; any number counts modulo the menu, and 0 once they are all
    used. *)
Definition step (choices : list nat) w : option (world * list nat * list nat) :=
  if is_over w then None
  else
    match menu w with
    | None => Some (step_at 0 w, choices, [])
    | Some n =>
        let c := hd 0 choices in
        let i := modulo (S c) c n in
        Some (step_at i w, tl choices, [i])
    end.

(** Gives the picks too, oldest first. *)
Fixpoint run (steps : nat) (choices : list nat) (w : world) : world * list nat :=
  match steps with
  | 0 => (w, [])
  | S steps =>
      match step choices w with
      | None => (w, [])
      | Some (w, choices, picked) =>
          let (w, picks) := run steps choices w in (w, picked ++ picks)
      end
  end.

Definition nowhere : world :=
  World (Core start [] false) (Rest [] [] [] [] [] [] [] [] 0 None 0 0 InMain).

Definition new_plain w h : world :=
  let (w, f) := answered_future (ask (OFutureNew Itself) w) in name_it h (OfFuture f) w.

(** [asyncio.run(main())]. *)
Definition init : world :=
  let (w, f) := start_task (Some (Named main_coro)) [FEnter main_coro] nowhere in
  fold_left new_plain (p_futures p) (until_done f InMain w).

(** How every task ended, in order of creation. *)
Definition finals w : list (label * settled) :=
  rev (map (fun e => (snd e, settled_of (future_of (fst e) w) w)) (labels (rest_of w))).

End Run.

(** What a run comes to: its lines and ends, the menus' picks, whether anything was refused. *)
Record report := Report {
  o_lines : list line;
  o_finals : list (label * settled);
  o_picks : list nat;
  o_refused : bool;
  o_over : bool }.

Definition report_of (c : world * list nat) : report :=
  let (w, picks) := c in
  Report (rev (lines (rest_of w))) (finals w) picks (refused (core_of w)) (is_over w).

Definition run_program (p : program) (fuel steps : nat) (choices : list nat) : report :=
  report_of (run p fuel steps choices (init p)).
