(** What arbitrary tasks, callbacks and the shell around them may do to the kernel: one operation
    at a time, with the answer that it must give. A run of the real kernel is a list of these;
    [accept] checks it. What is proved about accepted lists holds for every program. *)
From Coq Require Import List Arith NArith Bool.
From Seedloop.Spec Require Import Map Kernel.
Import ListNotations.

Inductive op :=
(* the loop *)
| OBeginIteration
| OGiveUp
| OSlip
| OBusy (ns : time)
| OSetStopping (b : bool)
| OTake (index : nat)
(* tasks *)
| OSpawn
| OWake (t : task_id)
| OBeginStep (t : task_id)
| OEndStep (t : task_id) (e : exit)
| OPollAwait (t : task_id) (on : option future_id) (since : option nat)
| OEndAwait (t : task_id) (on : option future_id) (since : nat)
| OAbort (t : task_id)
| OUncancel (t : task_id)
| OCountCancel (t : task_id)
| OCancelTask (t : task_id) (m : message)
| OTaskRelease (t : task_id)
(* futures *)
| OFutureNew (rule : on_cancel)
| OFutureRelease (f : future_id)
| OResolve (f : future_id) (s : state)
| OCancel (f : future_id) (m : message)
| OOnDone (f : future_id)
| ORemoveOnDone (f : future_id) (c : call_id)
| OObserve (f : future_id)
| OTakeObserved
| OTakeMessage (f : future_id)
(* callbacks *)
| OCallSoon (a : action)
| OArm (d : time) (a : action)
| OCancelCall (c : call_id)
| OBeginCall (c : call_id).

Inductive answer :=
| AUnit
| ABool (b : bool)
| ATurn (t : turn)
| AHandle (h : handle)
| ATask (t : task_id) (f : future_id)
| AEntry (e : entry)
| AAwait (a : await_answer) (since : option nat)
| ACount (n : nat)
| AFuture (f : future_id)
| ACall (c : call_id)
| ACalls (cs : list call_id)
| AFutures (fs : list future_id)
| AMessage (m : message)
| AAction (a : option action).

(** The kernel, the handle that is taken and not yet begun, and the task that runs. *)
Record machine := Machine {
  kern : kernel;
  taken : option handle;
  running : option task_id }.

Definition start : machine := Machine empty None None.

Definition same_handle (h g : handle) : bool :=
  match h, g with
  | Step t, Step u => t =? u
  | Call c, Call d => c =? d
  | _, _ => false
  end.

Definition is_taken h m : bool := match taken m with Some g => same_handle h g | None => false end.
Definition is_running t m : bool := match running m with Some u => t =? u | None => false end.
(** No handle runs. *)
Definition at_rest m : bool := negb (is_some (taken m)) && negb (is_some (running m)).

Definition knows_future f k : bool := is_some (find_future f k).
Definition is_awaited f k : bool :=
  match find_future f k with
  | Some x => existsb (fun cb => match cb with WakeTask _ => true | _ => false end) (f_callbacks x)
  | None => false
  end.
Definition is_plain f k : bool :=
  match find_future f k with
  | Some x => match f_on_cancel x with OfTask _ => false | _ => true end
  | None => true
  end.
Definition older (rule : on_cancel) k : bool :=
  match rule with
  | Itself => true
  | OfTask _ => false
  | Children fs => forallb (fun f => f <? next_future k) fs
  end.

(** What a callback resolves is there, and is no task's. *)
Definition may_resolve (a : action) k : bool :=
  match a with Closure => true | Resolve f => knows_future f k && is_plain f k end.

(** Who acts does not change. *)
Definition same m (c : kernel * answer) : option (machine * answer) :=
  Some (Machine (fst c) (taken m) (running m), snd c).
Definition plain m (k : kernel) : option (machine * answer) := same m (k, AUnit).
Definition with_bool m (c : kernel * bool) := same m (fst c, ABool (snd c)).
Definition when (b : bool) (r : option (machine * answer)) : option (machine * answer) :=
  if b then r else None.

Definition ended x k : bool := match find_task x k with Some x => t_ended x | None => true end.

(** One operation, or [None] where it is not allowed. *)
Definition apply (m : machine) (o : op) : option (machine * answer) :=
  let k := kern m in
  match o with
  | OBeginIteration =>
      when (at_rest m) (let (k, t) := begin_iteration k in same m (k, ATurn t))
  | OGiveUp => when (at_rest m) (plain m (set_iteration (S (iteration k)) k))
  | OSlip => when (at_rest m) (with_bool m (slip k))
  | OBusy ns => plain m (busy ns k)
  | OSetStopping b => plain m (set_stopping b k)
  | OTake i =>
      when (at_rest m && (0 <? batch k))
        (match take i k with
         | Some (k, h) => Some (Machine k (Some h) None, AHandle h)
         | None => None
         end)
  | OSpawn => let '(k, (t, f)) := spawn k in same m (k, ATask t f)
  | OWake t => with_bool m (wake t k)
  | OBeginStep t =>
      when (is_taken (Step t) m)
        (let (k, e) := begin_step t k in
         let r := match e with EntryEnded => None | _ => Some t end in
         Some (Machine k None r, AEntry e))
  | OEndStep t e =>
      when (is_running t m) (Some (Machine (end_step t e k) (taken m) None, AUnit))
  | OPollAwait t on since =>
      when (is_running t m)
        (let '(k, (a, s)) := poll_await t on since k in same m (k, AAwait a s))
  | OEndAwait t on since => plain m (end_await t on since k)
  | OAbort t => with_bool m (abort t k)
  | OUncancel t => let (k, n) := uncancel t k in same m (k, ACount n)
  | OCountCancel t => plain m (count_cancel t k)
  | OCancelTask t msg => with_bool m (cancel_task t msg k)
  | OTaskRelease t => when (ended t k) (plain m (task_release t k))
  | OFutureNew rule =>
      when (older rule k) (let (k, f) := future_new rule k in same m (k, AFuture f))
  | OFutureRelease f =>
      when (is_plain f k && negb (is_awaited f k))
        (let (k, cs) := future_release f k in same m (k, ACalls cs))
  | OResolve f s =>
      when (is_plain f k && negb (is_pending s)) (with_bool m (settle f s None false k))
  | OCancel f msg => with_bool m (cancel f msg k)
  | OOnDone f => let (k, c) := on_done f k in same m (k, ACall c)
  | ORemoveOnDone f c => with_bool m (remove_on_done f c k)
  | OObserve f => plain m (observe f k)
  | OTakeObserved => let (k, fs) := take_observed k in same m (k, AFutures fs)
  | OTakeMessage f => let (k, msg) := take_message f k in same m (k, AMessage msg)
  | OCallSoon a =>
      when (may_resolve a k) (let (k, c) := call_soon a k in same m (k, ACall c))
  | OArm d a => when (may_resolve a k) (let (k, c) := arm d a k in same m (k, ACall c))
  | OCancelCall c =>
      when (match find c (calls k) with
            | Some x => match c_place x with OnDone => false | _ => true end
            | None => true end)
        (with_bool m (cancel_call c k))
  | OBeginCall c =>
      when (is_taken (Call c) m)
        (let (k, a) := begin_call c k in Some (Machine k None None, AAction a))
  end.

(** * Comparing answers *)

Definition same_option {A} (eq : A -> A -> bool) (x y : option A) : bool :=
  match x, y with
  | Some x, Some y => eq x y
  | None, None => true
  | _, _ => false
  end.
Fixpoint same_list (x y : list nat) : bool :=
  match x, y with
  | [], [] => true
  | a :: x, b :: y => (a =? b) && same_list x y
  | _, _ => false
  end.
Definition same_message : message -> message -> bool := same_option Nat.eqb.
Definition same_turn (x y : turn) : bool :=
  match x, y with
  | TurnReady, TurnReady | TurnAdvanced, TurnAdvanced | TurnIdle, TurnIdle => true
  | _, _ => false
  end.
Definition same_entry (x y : entry) : bool :=
  match x, y with
  | EntryPoll, EntryPoll | EntryEnded, EntryEnded => true
  | EntryDrop m, EntryDrop n => same_message m n
  | _, _ => false
  end.
Definition same_await_answer (x y : await_answer) : bool :=
  match x, y with
  | AwaitPending, AwaitPending | AwaitDone, AwaitDone => true
  | AwaitTold m, AwaitTold n => same_message m n
  | _, _ => false
  end.
Definition same_action (x y : action) : bool :=
  match x, y with
  | Closure, Closure => true
  | Resolve f, Resolve g => f =? g
  | _, _ => false
  end.
Definition same_answer (x y : answer) : bool :=
  match x, y with
  | AUnit, AUnit => true
  | ABool a, ABool b => if a then b else negb b
  | ATurn a, ATurn b => same_turn a b
  | AHandle a, AHandle b => same_handle a b
  | ATask a f, ATask b g => (a =? b) && (f =? g)
  | AEntry a, AEntry b => same_entry a b
  | AAwait a s, AAwait b r => same_await_answer a b && same_option Nat.eqb s r
  | ACount a, ACount b | AFuture a, AFuture b | ACall a, ACall b => a =? b
  | ACalls a, ACalls b | AFutures a, AFutures b => same_list a b
  | AMessage a, AMessage b => same_message a b
  | AAction a, AAction b => same_option same_action a b
  | _, _ => false
  end.

(** * The checker *)

Definition check_op (m : machine) (o : op) (a : answer) : option machine :=
  match apply m o with
  | Some (m, b) => if same_answer b a then Some m else None
  | None => None
  end.

Fixpoint accept (m : machine) (l : list (op * answer)) : option machine :=
  match l with
  | [] => Some m
  | (o, a) :: l => match check_op m o a with Some m => accept m l | None => None end
  end.
