(** The runs of a program as sets of events, and what a search has to show of the runs that it has
    explored. This is what src/sched/search/evidence.rs checks, without its indices. *)
From Coq Require Import List Arith Bool.
Import ListNotations.

(** ** Choices inside a step *)

(** A value below the menu. *)
Record choice := Choice { kind : nat; menu : nat; value : nat }.

Definition same_menu (a b : choice) : Prop := kind a = kind b /\ menu a = menu b.

(** The values are the same for as long as the menus are. Where a step meets another menu it has
    read something else: from there on its choices are others. *)
Fixpoint agree (a b : list choice) : Prop :=
  match a, b with
  | c :: a, d :: b => same_menu c d -> value c = value d /\ agree a b
  | _, _ => True
  end.

(** ** Events *)

(** An event is a step with its choices and all that happens before it: two events that differ in
    any of these are two. A set of events is a list of them; neither the order nor repetitions
    matter. What readiness and footprints come to in the Rust is here given by the sets of events
    that are [reached], by the beginnings of runs. *)
Record system := System {
  event : Type;
  event_eq : forall a b : event, {a = b} + {a <> b};
  owner : event -> nat;
  ordinal : event -> nat;
  choices : event -> list choice;
  past : event -> list event;
  (* The owner that is the clock. *)
  clock : nat;
  (* [meets x i g]: [g] conflicts with what [x] does before its choice [i], counted from 0. *)
  meets : event -> nat -> event -> Prop;
  reached : list event -> Prop }.

Arguments event_eq {s}.
Arguments owner {s}.
Arguments ordinal {s}.
Arguments choices {s}.
Arguments past {s}.
Arguments meets {s}.
Arguments reached {s}.

Section Words.
Context {s : system}.
Notation set := (list (event s)).

Definition same_step (x y : event s) : Prop := owner x = owner y /\ ordinal x = ordinal y.

(** What has run is [C], and [x] may run now. *)
Definition next (C : set) (x : event s) : Prop := reached C /\ ~ In x C /\ reached (x :: C).

(** The events of a run, the newest first. *)
Inductive run : set -> Prop :=
  | run_start : run []
  | run_next l x : run l -> next l x -> run (x :: l).

(** All of [T] but [e] and what happens after it. *)
Definition is_from (e a : event s) : bool :=
  if event_eq a e then true else if in_dec event_eq e (past a) then true else false.
Definition without (e : event s) (T : set) : set := filter (fun a => negb (is_from e a)) T.

(** Nothing stands between them. *)
Definition right_before (e x : event s) : Prop :=
  In e (past x) /\ forall m, In e (past m) -> ~ In m (past x).

(** The order of such two is never a choice: the steps of one owner, and the clock's. *)
Definition in_fixed_order (e x : event s) : Prop :=
  owner e = owner x \/ owner e = clock s \/ owner x = clock s.

(** [T] has all of [D], and with no event before it but some of [D] the step of [x], as [y]. *)
Definition has (T D : set) (x y : event s) : Prop :=
  incl D T /\ In y T /\ same_step y x /\ incl (past y) D.

(** ** What the runs of a program are like *)

(** That the runs of the kernel are like this is not proved. [l_past], [l_part] and [l_meets] say
    that footprints are complete, [l_stays] that no event disables another, and the last two that a
    step is determined by what it reads and by what is chosen in it. *)
Record Lawful : Prop := {
  l_irreflexive : forall x : event s, ~ In x (past x);
  l_transitive : forall a b c : event s, In a (past b) -> In b (past c) -> In a (past c);
  l_legal : forall (x : event s) c, In c (choices x) -> value c < menu c;
  l_past : forall (C : set) x, reached C -> In x C -> incl (past x) C;
  (* What happens after none of the others may be left out. *)
  l_part : forall C T : set, reached T -> incl C T -> (forall x, In x C -> incl (past x) C) ->
    reached C;
  l_once : forall (T : set) x y, reached T -> In x T -> In y T -> same_step x y -> x = y;
  l_stays : forall (C D : set) x, next C x -> reached D -> incl C D ->
    (forall y, In y D -> ~ same_step y x) -> exists y, next D y /\ same_step y x;
  l_fixed : forall (T : set) e x y, reached T -> In e T -> In x T -> In e (past x) ->
    in_fixed_order e x -> next (without e T) y -> ~ same_step y x;
  l_meets : forall (T : set) x g i, reached T -> In x T -> In g T -> x <> g -> meets x i g ->
    In g (past x) \/ In x (past g);
  l_meets_more : forall (x g : event s) i j, i <= j -> meets x i g -> meets x j g;
  (* As long as nothing new is met, and the same is chosen, a step does the same. It takes this, and
     not [l_determined] alone, since an answer may choose anything once it has met another menu. *)
  l_alike : forall (C D : set) x y i c, next C x -> next D y -> same_step y x -> incl C D ->
    nth_error (choices x) i = Some c -> firstn i (choices y) = firstn i (choices x) ->
    (forall g, In g D -> meets x i g -> In g C) ->
    (exists d, nth_error (choices y) i = Some d /\ same_menu d c) /\
    (forall g, meets y i g <-> meets x i g);
  l_determined : forall (C : set) x y, next C x -> next C y -> same_step y x ->
    choices y = choices x -> y = x }.

(** ** What the evidence has to show *)

(** It is answered: where [e] and [x] race in [T] and [x]'s owner is ready without [e], an explored
    run has [x]'s step before [e]; and each choice is made otherwise in some explored run. The rank
    is what keeps the answers to reversals from going round in a circle. *)
Record Answered (X : list set) (rank : set -> nat -> nat -> nat) : Prop := {
  a_reversal : forall T e x, In T X -> In e T -> In x T -> right_before e x ->
    ~ in_fixed_order e x -> (exists y, next (without e T) y /\ same_step y x) ->
    exists T' y, In T' X /\ has T' (without e T) x y /\ agree (choices y) (choices x) /\
      rank T' (owner x) (ordinal x) < rank T (owner x) (ordinal x);
  a_alternative : forall T x before c after v, In T X -> In x T ->
    choices x = before ++ c :: after -> v < menu c -> v <> value c ->
    exists T' y more, In T' X /\ has T' (without x T) x y /\
      choices y = before ++ Choice (kind c) (menu c) v :: more }.

(** Runs that went to their ends, at least one, all of whose demands are answered. *)
Definition Accepted (X : list set) : Prop :=
  X <> [] /\ (forall T, In T X -> reached T /\ forall x, ~ next T x) /\
  exists rank, Answered X rank.
End Words.

Arguments Lawful s : clear implicits.
