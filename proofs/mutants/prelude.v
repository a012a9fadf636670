(** How a statement is refuted: it is put to a list of operations, what it asks for is computed, and
    what it then says is computed to be false. *)
(** The list with its answers, and where it leads. *)
Ltac reach ops go :=
  let l := eval vm_compute in (played start ops) in
  let r := eval vm_compute in (accept start l) in
  lazymatch r with Some ?m => go l m | None => fail 1 "the operations are not accepted" end.

(** And one operation more. *)
Ltac step ops o go := reach ops ltac:(fun l m =>
  let r := eval vm_compute in (apply m o) in
  lazymatch r with Some (?m', ?a) => go l m m' a | None => fail 1 "the operation is not allowed" end).

Ltac some e go := let r := eval vm_compute in e in lazymatch r with Some ?x => go x end.

Ltac holds := solve [vm_compute; reflexivity | reflexivity | vm_compute; discriminate
  | vm_compute; auto 9 | repeat constructor; intros i E; injection E; auto | intros i E; discriminate].

(** All that the statement asks for. *)
Ltac meet H := repeat lazymatch type of H with
  | ?A -> ?B => let P := fresh "P" in assert (P : A) by holds; specialize (H P); clear P
  | forall x : ?T, _ => let e := fresh "e" in evar (e : T); specialize (H e); subst e
  end.

Ltac split_up := repeat match goal with
  | X : exists _, _ |- _ => destruct X
  | X : _ /\ _ |- _ => destruct X
  | X : _ <-> _ |- _ => destruct X
  | X : _ \/ _ |- _ => destruct X
  | X : Some _ = Some _ |- _ => injection X; clear X; intros
  | X : NoDup (_ :: _) |- _ => inversion X; clear X; subst
  end.

(** What it says cannot be. *)
Ltac impossible H := meet H; vm_compute in H; split_up; subst; vm_compute in *;
  solve [discriminate | congruence | tauto | lia | intuition discriminate | intuition lia].
