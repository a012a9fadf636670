(** Finite maps from numbers, as association lists. The newest entry stands first. *)
From Coq Require Import List Arith.
Import ListNotations.

Section Map.
Context {A : Type}.

Fixpoint find (i : nat) (l : list (nat * A)) : option A :=
  match l with
  | [] => None
  | (j, x) :: l => if i =? j then Some x else find i l
  end.

(** Changes the entry of [i], if there is one. *)
Fixpoint update (i : nat) (f : A -> A) (l : list (nat * A)) : list (nat * A) :=
  match l with
  | [] => []
  | (j, x) :: l => if i =? j then (j, f x) :: l else (j, x) :: update i f l
  end.

Fixpoint remove (i : nat) (l : list (nat * A)) : list (nat * A) :=
  match l with
  | [] => []
  | (j, x) :: l => if i =? j then remove i l else (j, x) :: remove i l
  end.

End Map.
