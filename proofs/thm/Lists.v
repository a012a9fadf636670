(** Facts about lists and maps. *)
From Coq Require Import List Arith NArith Lia Bool Permutation.
From Seedloop.Spec Require Import Map Kernel Machine.
From Seedloop.Spec Require Export Words.
Import ListNotations.

Lemma find_update A i (g : A -> A) l j :
  find j (update i g l) = if i =? j then option_map g (find j l) else find j l.
Proof.
  induction l as [|[k x] l IH]; simpl; [destruct (i =? j); auto|].
  destruct (Nat.eqb_spec i k); simpl; destruct (Nat.eqb_spec j k), (Nat.eqb_spec i j);
    subst; simpl; auto; congruence.
Qed.

Lemma find_remove A i (l : list (nat * A)) j :
  find j (remove i l) = if i =? j then None else find j l.
Proof.
  induction l as [|[k x] l IH]; simpl; [destruct (i =? j); auto|].
  destruct (Nat.eqb_spec i k); simpl; destruct (Nat.eqb_spec j k), (Nat.eqb_spec i j);
    subst; simpl; auto; congruence.
Qed.

Lemma find_removes A cs (l : list (nat * A)) j :
  find j (fold_left (fun l c => remove c l) cs l) = if existsb (Nat.eqb j) cs then None else find j l.
Proof.
  revert l; induction cs as [|c cs IH]; simpl; intros l; auto.
  rewrite IH, find_remove. rewrite (Nat.eqb_sym c j).
  destruct (j =? c), (existsb (Nat.eqb j) cs); auto.
Qed.

Lemma existsb_In i l : existsb (Nat.eqb i) l = true <-> In i l.
Proof.
  rewrite existsb_exists. split.
  - intros (x & I & E). apply Nat.eqb_eq in E. subst; auto.
  - intro I. exists i. rewrite Nat.eqb_refl; auto.
Qed.

Lemma remove_nth_split A i (l : list A) x : nth_error l i = Some x ->
  exists a b, l = a ++ x :: b /\ remove_nth i l = a ++ b /\ length a = i.
Proof.
  revert i; induction l as [|y l IH]; intros [|i] E; simpl in *; try discriminate.
  - injection E as ->. exists [], l; auto.
  - destruct (IH _ E) as (a & b & -> & -> & <-). exists (y :: a), b; auto.
Qed.

Lemma remove_first_split A (p : A -> bool) l :
  existsb p l = true -> exists a x b, l = a ++ x :: b /\ p x = true /\ remove_first p l = a ++ b.
Proof.
  induction l as [|y l IH]; simpl; [discriminate|]. intro E. destruct (p y) eqn:P.
  - exists [], y, l; auto.
  - destruct (IH E) as (a & x & b & -> & ? & ->). exists (y :: a), x, b; auto.
Qed.

Lemma count_app A (p : A -> bool) a b : count p (a ++ b) = count p a + count p b.
Proof. induction a; simpl; lia. Qed.

Lemma count_remove_first A (p q : A -> bool) l :
  (forall x, p x = true -> q x = true) ->
  count q (remove_first p l) = count q l - (if existsb p l then 1 else 0).
Proof.
  intro PQ. induction l as [|x l IH]; simpl; auto. destruct (p x) eqn:P; simpl.
  - rewrite (PQ _ P). lia.
  - rewrite IH. destruct (q x) eqn:Q; auto.
    destruct (existsb p l) eqn:E; simpl; try lia.
    apply existsb_exists in E as (y & I & Py). assert (0 < count q l); [|lia].
    clear - I Py PQ. induction l as [|z l IH]; simpl in *; [easy|].
    destruct I as [->|I]; [rewrite (PQ _ Py); lia|]. specialize (IH I). destruct (q z); lia.
Qed.

Lemma count_remove_other A (p q : A -> bool) l :
  (forall x, p x = true -> q x = false) -> count q (remove_first p l) = count q l.
Proof.
  intro PQ. induction l as [|x l IH]; simpl; auto. destruct (p x) eqn:P; simpl.
  - rewrite (PQ _ P); auto.
  - rewrite IH; auto.
Qed.

Lemma count_pos A (p : A -> bool) l : 0 < count p l <-> exists x, In x l /\ p x = true.
Proof.
  induction l as [|x l IH]; simpl.
  - split; [lia|intros (? & [] & _)].
  - destruct (p x) eqn:P.
    + split; [intros _; exists x; auto|lia].
    + rewrite IH. split.
      * intros (y & I & Q). exists y; auto.
      * intros (y & [->|I] & Q); [congruence|]. exists y; auto.
Qed.

Lemma NoDup_snoc A (l : list A) x : NoDup l -> ~ In x l -> NoDup (l ++ [x]).
Proof.
  intros N I. apply (Permutation_NoDup (l := x :: l)); [apply Permutation_cons_append|].
  constructor; auto.
Qed.

Lemma calls_of_In c l : In c (calls_of l) <-> In (RunCall c) l.
Proof.
  induction l as [|[t|d] l IH]; simpl; [tauto| |]; rewrite IH; intuition congruence.
Qed.
Lemma calls_of_app a b : calls_of (a ++ b) = calls_of a ++ calls_of b.
Proof. apply flat_map_app. Qed.
Lemma calls_of_remove_wake t l : calls_of (remove_first (is_wake t) l) = calls_of l.
Proof.
  induction l as [|[u|c] l IH]; simpl; auto; [|congruence].
  destruct (t =? u); auto.
Qed.

Lemma existsb_false A (p : A -> bool) l : existsb p l = false -> forall x, In x l -> p x = false.
Proof.
  intros E x I. destruct (p x) eqn:P; auto. assert (existsb p l = true) by (apply existsb_exists; eauto). congruence.
Qed.
