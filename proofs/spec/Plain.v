(** What a program without effects means, where every await is a function call: no loop, no clock,
    no schedule. *)
From Coq Require Import List Arith NArith Bool.
From Seedloop.Spec Require Import Map Kernel Program.
Import ListNotations.

(** * Which programs these are *)

(** Does [P] hold of the statement, and of all statements in it? *)
Fixpoint throughout (P : stmt -> bool) (s : stmt) : bool :=
  P s &&
  match s with
  | Try b hs els fin =>
      forallb (throughout P) b && forallb (fun h => forallb (throughout P) (snd h)) hs &&
      forallb (throughout P) els && forallb (throughout P) fin
  | Repeat _ b => forallb (throughout P) b
  | _ => true
  end.

(** Coroutines, sleeps, gatherings and shields; no handle that has a name. *)
Fixpoint plain_await (a : awaitable) : bool :=
  match a with
  | AwHandle _ => false
  | AwCoro _ | AwSleep _ _ => true
  | AwGather l _ => forallb plain_await l
  | AwShield a => plain_await a
  end.

(** It may start tasks, but not ask for them by name, nor call one as main is called; it cancels
    nothing, and raises no cancellation. *)
Definition plain_here (s : stmt) : bool :=
  match s with
  | Log _ | Now | Current _ | Block _ | Try _ _ _ _ | Reraise | Return _ | Repeat _ _ => true
  | Start _ h => negb (h =? main_coro)
  | Do a | Make a _ => plain_await a
  | Raise e => negb (e_kind e =? cancelled_error)
  | _ => false
  end.
Definition plain_stmt : stmt -> bool := throughout plain_here.
Definition plain_program (p : program) : bool :=
  match p_futures p with
  | [] => forallb (fun c => forallb plain_stmt (snd c)) (p_coros p)
  | _ => false
  end.

(** Can it not fail? So it is if it raises nothing, nor does what it awaits: down to coroutines at
    this depth. *)
Section Harmless.
Variable coro : name -> bool.
Fixpoint harmless_await (a : awaitable) : bool :=
  match a with
  | AwHandle _ => false
  | AwCoro c => coro c
  | AwSleep _ _ => true
  | AwGather l _ => forallb harmless_await l
  | AwShield a => harmless_await a
  end.
Definition harmless_here (s : stmt) : bool :=
  match s with Raise _ | Reraise => false | Do a => harmless_await a | _ => true end.
End Harmless.
Fixpoint harmless_coro (p : program) (depth : nat) (c : name) : bool :=
  match depth with
  | 0 => false
  | S depth => forallb (throughout (harmless_here (harmless_coro p depth))) (body_of c p)
  end.
Definition harmless (p : program) : awaitable -> bool :=
  harmless_await (harmless_coro p (length (p_coros p))).

(** Of the children of a gathering that does not return exceptions none can fail. (Of two that fail
    the parent is told of the first, and who is first is a choice.) *)
Fixpoint steady_await (p : program) (a : awaitable) : bool :=
  match a with
  | AwGather l each => (each || forallb (harmless p) l) && forallb (steady_await p) l
  | AwShield a => steady_await p a
  | _ => true
  end.
Definition steady_here p (s : stmt) : bool := match s with Do a => steady_await p a | _ => true end.
Definition steady_program (p : program) : bool :=
  forallb (fun c => forallb (throughout (steady_here p)) (snd c)) (p_coros p).

(** * What they mean *)

(** What a [raise] without an exception raises where none is handled. *)
Definition no_error : exception := Exn runtime_error None.

(** How a coroutine ends whose body ended so. *)
Definition returned (o : flow) : result :=
  match o with Next => Good VNone | Value v | Leave v => Good v | Threw e => Bad e end.
(** The statement that awaited what ended so. *)
Definition after_await (r : result) : flow :=
  match r with Good _ => Next | Bad e => Threw e end.
(** A result as it stands in a gathering's list. *)
Definition shown (r : result) : value := match r with Good v => v | Bad e => VExc e end.

Definition leaves (o : flow) : bool :=
  match o with Value _ | Leave _ => true | Next | Threw _ => false end.

(** What a task says when it has awaited, when a coroutine ends, and before a [finally]. *)
Definition awaited_said (k : kind) (r : result) : said :=
  match r with Good v => Ok k v | Bad e => Err k e end.
Definition end_said (c : name) (r : result) : said :=
  match r with Good v => Returned c v | Bad e => Raised c e end.
Definition opening (fin : list stmt) : list said := match fin with [] => [] | _ => [Finally] end.

Section Meaning.
Variable p : program.

(** [e] is the exception that is being handled, and [t] all that the task itself says, but for the
    time. A statement, statements, a body so many times, what follows the body of a [try], and a
    [finally]; then what an awaitable gives. *)
Inductive does : exception -> stmt -> list said -> flow -> Prop :=
| does_log e v : does e (Log v) [Logged v] Next
| does_now e : does e Now [] Next
| does_block e d : does e (Block d) [] Next
| does_current e h : does e (Current h) [] Next
| does_start e c h : does e (Start c h) [] Next
| does_make e a h : does e (Make a h) [] Next
| does_await e a t r : gives e a t r ->
    does e (Do a) (t ++ [awaited_said (kind_of a) r]) (after_await r)
| does_raise e x : does e (Raise x) [] (Threw x)
| does_reraise e : does e Reraise [] (Threw e)
| does_return e v : does e (Return v) [] (Leave v)
| does_repeat e n b t o : repeats e n b t o -> does e (Repeat n b) t o
| does_try e b hs els fin t1 o1 t2 o2 t3 o3 : does_all e b t1 o1 -> handles e hs els o1 t2 o2 ->
    finishes e fin o2 t3 o3 -> does e (Try b hs els fin) (t1 ++ t2 ++ t3) o3
with does_all : exception -> list stmt -> list said -> flow -> Prop :=
| all_done e : does_all e [] [] Next
| all_next e s t l u o : does e s t Next -> does_all e l u o -> does_all e (s :: l) (t ++ u) o
| all_stop e s t l o : does e s t o -> o <> Next -> does_all e (s :: l) t o
with repeats : exception -> nat -> list stmt -> list said -> flow -> Prop :=
| repeats_none e b : repeats e 0 b [] Next
| repeats_more e n b t u o : does_all e b t Next -> repeats e n b u o ->
  repeats e (S n) b (t ++ u) o
| repeats_stop e n b t o : does_all e b t o -> o <> Next -> repeats e (S n) b t o
with handles : exception -> list (list nat * list stmt) -> list stmt -> flow -> list said -> flow ->
    Prop :=
| handles_none e hs els t o : does_all e els t o -> handles e hs els Next t o
| handles_caught e hs els x b t o : catching (e_kind x) hs = Some b -> does_all x b t o ->
    handles e hs els (Threw x) (Excepted x :: t) o
| handles_missed e hs els x : catching (e_kind x) hs = None ->
    handles e hs els (Threw x) [] (Threw x)
| handles_leave e hs els o : leaves o = true -> handles e hs els o [] o
with finishes : exception -> list stmt -> flow -> list said -> flow -> Prop :=
| finishes_next e fin o t : does_all e fin t Next -> finishes e fin o (opening fin ++ t) o
| finishes_stop e fin o t o' : does_all e fin t o' -> o' <> Next ->
    finishes e fin o (opening fin ++ t) o'
with gives : exception -> awaitable -> list said -> result -> Prop :=
| gives_coro e c t o : does_all e (body_of c p) t o ->
    gives e (AwCoro c) (Entered c :: t ++ [end_said c (returned o)]) (returned o)
| gives_sleep e d v : gives e (AwSleep d v) [] (Good v)
| gives_gather e l rs : give_all l rs -> gives e (AwGather l true) [] (Good (VList (map shown rs)))
| gives_values e l vs : give_all l (map Good vs) -> gives e (AwGather l false) [] (Good (VList vs))
| gives_failed e l a t x : In a l -> gives no_error a t (Bad x) ->
    gives e (AwGather l false) [] (Bad x)
| gives_shield e a t r : gives no_error a t r -> gives e (AwShield a) [] r
with give_all : list awaitable -> list result -> Prop :=
| give_none : give_all [] []
| give_more a t l r rs : gives no_error a t r -> give_all l rs -> give_all (a :: l) (r :: rs).

(** What main says, and what it returns or raises. *)
Definition means (t : list said) (r : result) : Prop := gives no_error (AwCoro main_coro) t r.

End Meaning.

(** * What a run says *)

(** What [asyncio.run] returned or raised. *)
Definition end_line (r : result) : said :=
  match r with Good v => RunReturned v | Bad e => RunRaised e end.
(** What main says, but for the time: of these lines, newest first. *)
Definition of_main (l : line) : bool :=
  match l_task l, l_said l with
  | _, IsNow _ => false
  | Some (Named h), _ => h =? main_coro
  | _, _ => false
  end.
Definition main_said (ls : list line) : list said := rev (map l_said (filter of_main ls)).
(** Main has ended with [r], and these are the lines before. *)
Definition ended_after (ls : list line) (r : result) (w : world) : Prop :=
  exists a l, lines (rest_of w) = a ++ l :: ls /\ l_said l = end_line r.
