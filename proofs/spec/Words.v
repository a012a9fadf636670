(** The words in which the theorems speak: no proofs here, so that a statement can be put to a
    changed kernel without them. *)
From Coq Require Import List Arith NArith Bool Permutation Sorted.
From Seedloop.Spec Require Import Map Kernel Machine.
Import ListNotations.

(** * Lists *)

Fixpoint count {A} (p : A -> bool) (l : list A) : nat :=
  match l with [] => 0 | x :: l => (if p x then 1 else 0) + count p l end.
Definition of_option {A} (x : option A) : list A := match x with Some x => [x] | None => [] end.
Inductive subsequence {A} : list A -> list A -> Prop :=
| sub_nil : subsequence [] []
| sub_skip x l l' : subsequence l l' -> subsequence l (x :: l')
| sub_keep x l l' : subsequence l l' -> subsequence (x :: l) (x :: l').

(** * What has happened *)

(** The handles that have joined the ready ones, oldest first. *)
Fixpoint pushed (h : list event) : list handle :=
  match h with [] => [] | EPush x :: h => pushed h ++ [x] | _ :: h => pushed h end.
(** The handles that were taken, oldest first. *)
Fixpoint took (h : list event) : list handle :=
  match h with [] => [] | ETake x :: h => took h ++ [x] | _ :: h => took h end.
(** The timers that have fired, and when, oldest first. *)
Fixpoint fired (h : list event) : list (timer * time) :=
  match h with [] => [] | EFire w n :: h => fired h ++ [(w, n)] | _ :: h => fired h end.

Definition is_ask t e : bool := match e with EAsk u => t =? u | _ => false end.
Definition is_delivery t e : bool := match e with EDelivered u => t =? u | _ => false end.
(** How often a cancel reached the task, and in how many of its steps it was told of one. *)
Definition requests t k : nat := count (is_ask t) (history k).
Definition deliveries t k : nat := count (is_delivery t) (history k).

(** * What is so now *)

(** The handle that is taken and not yet begun, and the ready ones. *)
Definition live m : list handle := of_option (taken m) ++ ready (kern m).

Definition handle_of (cb : callback) : handle :=
  match cb with WakeTask t => Step t | RunCall c => Call c end.

Definition placed c (p : place -> Prop) k : Prop :=
  exists x, find c (calls k) = Some x /\ p (c_place x).

(** The order in which timers fire. *)
Definition before (v w : timer) : Prop :=
  (deadline v < deadline w)%N \/ (deadline v = deadline w /\ registration v < registration w).

(** When a timer fires. [armed_at] is when it was armed. *)
Definition fires_at (w : timer) : time := N.max (deadline w) (armed_at w).

(** How often [t] awaits [f]. *)
Definition waits t f k : nat :=
  match find t (tasks k) with Some x => count (Nat.eqb f) (awaited x) | None => 0 end.

Definition one (b : bool) : nat := if b then 1 else 0.
Definition weight (x : task) : nat := one (is_some (t_must_cancel x)) + one (is_some (t_told x)).
(** What is asked of the task and not yet delivered. *)
Definition outstanding t k : nat := match find t (tasks k) with Some x => weight x | None => 0 end.

(** It is done (or gone), or a gathering of such futures. *)
Inductive Closing (k : kernel) : future_id -> Prop :=
| closing_gone f : find_future f k = None -> Closing k f
| closing_done f y : find_future f k = Some y -> f_state y <> Pending -> Closing k f
| closing_children f y gs : find_future f k = Some y -> f_on_cancel y = Children gs ->
    (forall g, In g gs -> Closing k g) -> Closing k f.

(** Whatever the task waits for is done, or can be cancelled itself. *)
Definition plain_awaits (x : task) (k : kernel) : Prop := forall f y, In f (awaited x) ->
  find_future f k = Some y -> f_state y = Pending -> f_on_cancel y = Itself.

(** A second request: the count, the message, and the note that it was asked. *)
Definition asked_again t msg k : kernel := note (EAsk t)
  (in_task t (fun x => set_must_cancel (Some msg) (set_cancels (S (t_cancels x)) x)) k).

(** * Operations *)

(** The futures that an operation releases. *)
Definition released (o : op) (k : kernel) (f : future_id) : Prop :=
  o = OFutureRelease f \/ exists t x, o = OTaskRelease t /\ find_task t k = Some x /\ t_future x = f.

Definition blocks (o : op) : bool := match o with OBusy _ => true | _ => false end.
(** Has a step of these blocked the loop? *)
Definition blocked_in (l : list (op * answer)) : bool := existsb (fun c => blocks (fst c)) l.

Definition first_only (o : op) : Prop := forall i, o = OTake i -> i = 0.
(** No choice: always the first of the ready handles. *)
Definition no_choice (l : list (op * answer)) : Prop := Forall (fun c => first_only (fst c)) l.

(** The handles that were taken, oldest first. *)
Fixpoint takes (l : list (op * answer)) : list handle :=
  match l with [] => [] | (_, AHandle h) :: l => h :: takes l | _ :: l => takes l end.

(** The operations with the answers that the machine gives. *)
Fixpoint played (m : machine) (l : list op) : list (op * answer) :=
  match l with
  | [] => []
  | o :: l => match apply m o with Some (m, a) => (o, a) :: played m l | None => [(o, AUnit)] end
  end.

(** * What always holds *)

(** One place: every ready handle, armed timer and done callback stands in one list, and a task's
    step stands among the ready handles exactly when the task says so. [tk]: the handle that is
    taken; [cbs]: callbacks of a future that is just being settled. *)
Record Handles (tk : option handle) (cbs : list callback) (k : kernel) : Prop := {
  h_fresh_task : forall t x, find t (tasks k) = Some x -> t < next_task k;
  h_fresh_future : forall f y, find f (futures k) = Some y -> f < next_future k;
  h_fresh_call : forall c x, find c (calls k) = Some x -> c < next_call k;
  h_once : NoDup (of_option tk ++ ready k);
  h_known : forall t, In (Step t) (of_option tk ++ ready k) -> t < next_task k;
  h_queued : forall t x, find t (tasks k) = Some x ->
    (t_queued x = true <-> In (Step t) (of_option tk ++ ready k));
  h_call : forall c, In (Call c) (of_option tk ++ ready k) ->
    placed c (fun p => p = Queued \/ p = Dead) k;
  h_sorted : StronglySorted before (timers k);
  h_registered : forall w, In w (timers k) -> registration w < registrations k;
  h_armed : forall w, In w (timers k) -> placed (timer_call w) (eq Armed) k;
  h_timer_once : NoDup (map timer_call (timers k));
  h_on_done : forall f y c, find f (futures k) = Some y -> In c (calls_of (f_callbacks y)) ->
    placed c (eq OnDone) k;
  h_on_done_once : forall f y, find f (futures k) = Some y -> NoDup (calls_of (f_callbacks y));
  h_on_done_one : forall f g y z c, find f (futures k) = Some y -> find g (futures k) = Some z ->
    In c (calls_of (f_callbacks y)) -> In c (calls_of (f_callbacks z)) -> f = g;
  h_due : forall c, In c (calls_of cbs) -> placed c (eq OnDone) k;
  h_due_once : NoDup (calls_of cbs);
  h_due_one : forall f y c, find f (futures k) = Some y -> In c (calls_of (f_callbacks y)) ->
    ~ In c (calls_of cbs) }.

(** A task is in the callback list of every pending future that it awaits, as often as it awaits
    it, and in no other; and it ends exactly when its future is done. [ending]: a task whose body
    has ended and whose future is not yet settled. *)
Record Waits (ending : option task_id) (k : kernel) : Prop := {
  w_fresh_task : forall t x, find t (tasks k) = Some x -> t < next_task k;
  w_fresh_future : forall f y, find f (futures k) = Some y -> f < next_future k;
  w_done : forall f y, find f (futures k) = Some y -> f_state y <> Pending -> f_callbacks y = [];
  w_count : forall t f y, find f (futures k) = Some y -> f_state y = Pending ->
    count (is_wake t) (f_callbacks y) = waits t f k;
  w_ended : forall t x, find t (tasks k) = Some x -> t_ended x = true -> t_awaits x = [];
  w_known : forall t x f, find t (tasks k) = Some x -> In f (awaited x) -> f < next_future k;
  w_future : forall t x, find t (tasks k) = Some x -> exists y,
    find (t_future x) (futures k) = Some y /\ f_on_cancel y = OfTask t /\
    (t_ended x = false -> f_state y = Pending) /\
    (t_ended x = true -> f_state y = Pending -> ending = Some t);
  w_task : forall f y t, find f (futures k) = Some y -> f_on_cancel y = OfTask t -> exists x,
    find t (tasks k) = Some x /\ t_future x = f;
  w_children : forall f y gs, find f (futures k) = Some y -> f_on_cancel y = Children gs ->
    forall g, In g gs -> g < f;
  w_resolve : forall c x f, find c (calls k) = Some x -> c_action x = Resolve f ->
    f < next_future k /\ is_plain f k = true }.

(** A request to cancel is never parked: the task that it reached is queued, or runs, or awaits a
    gathering whose children are all done and whose callbacks will end it. [cbs]: callbacks of a
    future that is just being settled. *)
Definition Requests (cbs : list callback) (k : kernel) : Prop :=
  forall t x m, find t (tasks k) = Some x -> t_must_cancel x = Some m ->
    t_ended x = false /\
    (t_queued x = true \/ t_running x = true \/ awaits_closing x k = true \/ In (WakeTask t) cbs).

(** The task that runs is there, has not ended, and only it is told of a cancellation. *)
Record Runner (rn : option task_id) (k : kernel) : Prop := {
  r_running : forall t x, find t (tasks k) = Some x -> (t_running x = true <-> rn = Some t);
  r_lives : forall t, rn = Some t -> exists x, find t (tasks k) = Some x /\ t_ended x = false;
  r_told : forall t x, find t (tasks k) = Some x ->
    (t_told x <> None -> t_running x = true) /\ (t_told_taken x = true -> t_told x <> None) }.

(** A handle is taken, or a task runs, not both. *)
Definition exclusive m : Prop := taken m = None \/ running m = None.

Record Alive (m : machine) : Prop := {
  a_waits : Waits None (kern m);
  a_requests : Requests [] (kern m);
  a_runner : Runner (running m) (kern m);
  a_exclusive : exclusive m }.

(** The handles that joined are those that were taken and those that are still ready. *)
Definition conserved (k : kernel) : Prop :=
  Permutation (pushed (history k)) (took (history k) ++ ready k).

(** The handles are taken in the order in which they joined. *)
Definition fifo (k : kernel) : Prop := pushed (history k) = took (history k) ++ ready k.

(** A timer never fires early, and if no step has blocked the loop it fires when it should; timers
    of one instant fire in order of registration. *)
Record Clock (blocked : bool) (k : kernel) : Prop := {
  k_sorted : StronglySorted before (timers k);
  k_registered : forall w, In w (timers k) -> registration w < registrations k;
  k_armed : forall w, In w (timers k) -> (armed_at w <= now k)%N;
  k_future : blocked = false -> forall w, In w (timers k) -> (now k <= fires_at w)%N;
  k_early : forall w n, In (w, n) (fired (history k)) -> (deadline w <= n <= now k)%N;
  k_exact : blocked = false -> forall w n, In (w, n) (fired (history k)) -> n = fires_at w;
  k_fired : forall w n, In (w, n) (fired (history k)) -> registration w < registrations k;
  k_next : forall v n w, In (v, n) (fired (history k)) -> In w (timers k) -> deadline v = deadline w ->
    registration v < registration w;
  k_ties : forall a v n b w o c, fired (history k) = a ++ (v, n) :: b ++ (w, o) :: c ->
    deadline v = deadline w -> registration v < registration w }.

(** A request is delivered at most once. [due]: tasks of which a request is about to be asked. *)
Definition Deliveries (due : list task_id) (k : kernel) : Prop :=
  forall t, deliveries t k + outstanding t k + count (Nat.eqb t) due <= requests t k.

(** Every call stands in the list that its place names. [tk]: the handle that is taken; [cbs]:
    callbacks of a future that is just being settled; [ws]: timers that are just firing. *)
Definition Listed (tk : option handle) (cbs : list callback) (ws : list timer) k : Prop :=
  forall c x, find c (calls k) = Some x -> match c_place x with
  | Armed => exists w, In w (ws ++ timers k) /\ timer_call w = c
  | OnDone => In c (calls_of cbs) \/
      exists f y, find f (futures k) = Some y /\ In c (calls_of (f_callbacks y))
  | Queued | Dead => In (Call c) (of_option tk ++ ready k)
  end.

(** It is armed, or has fired. *)
Definition known (k : kernel) (w : timer) : Prop :=
  In w (timers k) \/ exists n, In (w, n) (fired (history k)).
Definition Known (k : kernel) : Prop := forall w, known k w -> timer_call w < next_call k.

Record GoodMachine (blocked : bool) (m : machine) : Prop := {
  g_handles : Handles (taken m) [] (kern m);
  g_alive : Alive m;
  g_conserved : conserved (kern m);
  g_clock : Clock blocked (kern m);
  g_deliveries : Deliveries [] (kern m);
  g_listed : Listed (taken m) [] [] (kern m);
  g_timers : Known (kern m);
  g_batch : batch (kern m) <= length (ready (kern m)) }.
