(** Evidence that is accepted, of a program that has all that the theorem speaks of, and evidence
    that is refused. *)
From Coq Require Import List Arith Lia Bool.
From Seedloop.Spec Require Import Events.
From Seedloop.Thm Require Import Evidence.
Import ListNotations.

(** Owner 1 writes a cell. Owner 2 reads it, and chooses one of two values if it is not written yet.
    So owner 1's step is one of three events, and so is owner 2's. *)
Inductive ev := Write | WriteAfter (v : bool) | Chose (v : bool) | ReadAfter.

Definition ev_eq (a b : ev) : {a = b} + {a <> b}.
Proof. decide equality; apply bool_dec. Defined.

Definition writes (e : ev) : bool :=
  match e with Write | WriteAfter _ => true | _ => false end.

Definition one_of_two (v : bool) : choice := Choice 0 2 (if v then 1 else 0).

Definition all_events : list ev :=
  [Write; WriteAfter false; WriteAfter true; Chose false; Chose true; ReadAfter].

(** The events of a list, in the order of those. *)
Definition sorted (C : list ev) : list ev :=
  filter (fun e => if in_dec ev_eq e C then true else false) all_events.

Definition beginnings : list (list ev) :=
  [[]; [Write]; [Write; ReadAfter]; [Chose false]; [WriteAfter false; Chose false];
   [Chose true]; [WriteAfter true; Chose true]].

Definition cell : system := {|
  event := ev;
  event_eq := ev_eq;
  owner e := if writes e then 1 else 2;
  ordinal _ := 1;
  choices e := match e with Chose v => [one_of_two v] | _ => [] end;
  past e :=
    match e with WriteAfter v => [Chose v] | ReadAfter => [Write] | _ => [] end;
  clock := 0;
  (* The reading comes before the choice. *)
  meets x _ g := writes x <> writes g;
  reached C := In (sorted C) beginnings |}.

Notation events := (list (event cell)).

(** ** It is lawful *)

Lemma in_sorted e C : In e (sorted C) <-> In e C.
Proof.
  unfold sorted. rewrite filter_In. destruct (in_dec ev_eq e C); [|intuition discriminate].
  split; [tauto|]. intros _. split; auto. destruct e as [|[]|[]|]; simpl; tauto.
Qed.

Lemma same_sorted C D : (forall e, In e C <-> In e D) -> sorted C = sorted D.
Proof.
  intro E. apply filter_ext. intro e.
  destruct (in_dec ev_eq e C), (in_dec ev_eq e D); auto; destruct (E e); tauto.
Qed.

Lemma sorted_beginning K : In K beginnings -> sorted K = K.
Proof. simpl. intuition (subst; reflexivity). Qed.

(** What can be next after what. *)
Definition steps : list (list ev * ev) :=
  [([], Write); ([], Chose false); ([], Chose true); ([Write], ReadAfter);
   ([Chose false], WriteAfter false); ([Chose true], WriteAfter true)].

Lemma sorted_cons x (C : list ev) : sorted (x :: C) = sorted (x :: sorted C).
Proof. apply same_sorted. intro e. simpl. rewrite in_sorted. tauto. Qed.

Lemma next_steps (C : events) x : next C x <-> In (sorted C, x) steps.
Proof.
  unfold next; simpl reached. rewrite sorted_cons, <- in_sorted. split.
  - intros (R & N & R'). remember (sorted C) as K. clear HeqK.
    simpl in R. repeat destruct R as [<-|R]; try contradiction;
      destruct x as [|[]|[]|]; vm_compute in N, R' |- *; intuition discriminate.
  - intro I. remember (sorted C) as K. clear HeqK. simpl in I.
    repeat destruct I as [[= <- <-]|I]; try contradiction; vm_compute; intuition discriminate.
Qed.

(** Case by case. *)
Ltac cases H := simpl in H; repeat (destruct H as [H|H]); try contradiction H.
Ltac some tac := first
  [ solve [tac Write] | solve [tac ReadAfter] | solve [tac (Chose false)] | solve [tac (Chose true)]
  | solve [tac (WriteAfter false)] | solve [tac (WriteAfter true)] ].

Lemma cell_lawful : Lawful cell.
Proof.
  constructor.
  - intros [|[]|[]|]; simpl; intuition discriminate.
  - intros a b [|[]|[]|]; simpl; intros A B; cases B; subst; cases A.
  - intros [|[]|[]|] c; simpl; intro I; cases I; subst; simpl; lia.
  - intros C x R I y B. apply in_sorted in I. apply in_sorted. simpl in R.
    remember (sorted C) as K. clear HeqK. cases R; subst K; cases I; subst x; cases B; subst y;
      simpl; auto.
  - intros C T R I D. simpl in R |- *.
    assert (I' : forall e, In e C -> In e (sorted T)).
    { intros e Ie. apply in_sorted. exact (I e Ie). }
    clear I. remember (sorted T) as K. clear HeqK. unfold sorted, all_events, filter.
    assert (P : forall e f, In e C -> In f (@past cell e) -> In f C).
    { intros e f A. apply (D e A). }
    clear D.
    cases R; subst K;
      repeat match goal with
      | |- context [in_dec ev_eq ?e C] =>
          let N := fresh in destruct (in_dec ev_eq e C) as [N|N];
          [try (exfalso; apply I' in N; cases N; discriminate)|]
      end; simpl; auto 10;
      exfalso;
      match goal with
      | A : In ?e C, N : ~ In ?f C |- _ => solve [apply N, (P e f A); simpl; auto]
      end.
  - intros T x y R Ix Iy E. apply in_sorted in Ix, Iy. simpl in R.
    remember (sorted T) as K. clear HeqK.
    cases R; subst K; cases Ix; subst x; cases Iy; subst y; auto; destruct E; discriminate.
  - intros C D x N R I No. apply next_steps in N. simpl in R.
    assert (I' : forall e, In e (sorted C) -> In e (sorted D)).
    { intros e Ie. apply in_sorted, I, in_sorted, Ie. }
    assert (No' : forall e, In e (sorted D) -> ~ @same_step cell e x).
    { intros e Ie. apply No, in_sorted, Ie. }
    assert (Ex : exists y, In (sorted D, y) steps /\ @same_step cell y x).
    { clear No I. remember (sorted C) as K. remember (sorted D) as M. clear HeqK HeqM.
      cases N; injection N as <- <-; cases R; subst M;
        try (exfalso; specialize (I' _ (or_introl eq_refl)); cases I'; discriminate);
        first [ some ltac:(fun e => exists e; split; [simpl; auto 8|split; reflexivity])
              | some ltac:(fun e => destruct (No' e); [simpl; auto 8|split; reflexivity]) ]. }
    destruct Ex as (y & Ny & Ey). exists y. split; auto. apply next_steps, Ny.
  - intros T e x y _ _ _ B F. exfalso.
    destruct x as [|[]|[]|]; cases B; subst e; destruct F as [F|[F|F]]; discriminate.
  - intros T x g i R Ix Ig _ M. apply in_sorted in Ix, Ig. simpl in R.
    remember (sorted T) as K. clear HeqK.
    cases R; subst K; cases Ix; subst x; cases Ig; subst g; simpl in M |- *; auto;
      destruct M; reflexivity.
  - auto.
  - intros C D x y i c Nx Ny E _ Ec _ New. apply next_steps in Nx, Ny.
    assert (New' : forall g, In g (sorted D) -> @meets cell x i g -> In g (sorted C)).
    { intros g Ig M. apply in_sorted, New; auto. apply in_sorted, Ig. }
    assert (Eo : writes y = writes x).
    { destruct E as [E _]. simpl in E. destruct (writes y), (writes x); auto; discriminate. }
    split; [|intro g; simpl; rewrite Eo; tauto]. clear New E.
    remember (sorted C) as K. remember (sorted D) as M. clear HeqK HeqM.
    cases Nx; injection Nx as <- <-; destruct i as [|[|]]; try discriminate;
      cases Ny; injection Ny as <- <-; try discriminate; injection Ec as <-;
      try (eexists; split; [reflexivity|split; reflexivity]);
      destruct (New' Write (or_introl eq_refl)); discriminate.
  - intros C x y Nx Ny E Ec. apply next_steps in Nx, Ny.
    remember (sorted C) as K. clear HeqK. destruct E as [E _].
    cases Nx; injection Nx as <- <-; cases Ny; inversion Ny; subst; try discriminate; auto.
Qed.

(** ** Its evidence *)

Definition written_first : events := [ReadAfter; Write].
Definition chose (v : bool) : events := [WriteAfter v; Chose v].
Definition explored : list events := [written_first; chose false; chose true].

(** Only the second step of a run has a demand on its order. *)
Definition rank_of (T : events) (owner ordinal : nat) : nat :=
  match T with x :: _ => if writes x then 2 - owner else owner - 1 | [] => 0 end.

Lemma explored_answered : Answered explored rank_of.
Proof.
  constructor.
  - intros T e x IT Ie Ix [B _] _ _.
    cases IT; subst T; cases Ie; subst e; cases Ix; subst x; cases B; try discriminate.
    + exists (chose false), (Chose false). repeat split; simpl; auto; intros ? [].
    + exists written_first, Write. repeat split; simpl; auto; intros ? [].
    + exists written_first, Write. repeat split; simpl; auto; intros ? [].
  - intros T x before c after v IT Ix E Lv Nv.
    cases IT; subst T; cases Ix; subst x; destruct before as [|? [|]]; try discriminate;
      injection E as <- <-; simpl in Lv, Nv.
    + exists (chose true), (Chose true), []. replace v with 1 by lia.
      repeat split; simpl; auto; intros ? [].
    + exists (chose false), (Chose false), []. replace v with 0 by lia.
      repeat split; simpl; auto; intros ? [].
Qed.

Lemma explored_accepted : Accepted explored.
Proof.
  split; [discriminate|]. split; [|exists rank_of; exact explored_answered].
  intros T IT. cases IT; subst T; (split; [simpl; auto 10|]); intros x N; apply next_steps in N;
    vm_compute in N; cases N; discriminate.
Qed.

(** The run in which owner 2 chooses 1, and then owner 1 writes. *)
Example accepted_is_everything_happens :
  Lawful cell /\ Accepted explored /\ @run cell (chose true) /\
  forall l : events, run l -> exists T, In T explored /\ incl l T /\
    ((forall x, ~ next l x) -> incl T l).
Proof.
  split; [exact cell_lawful|]. split; [exact explored_accepted|]. split.
  - repeat constructor; apply next_steps; vm_compute; auto 10.
  - exact (accepted_is_everything cell explored cell_lawful explored_accepted).
Qed.

(** Without the other order of the two, it is refused: the race of the writing is not reversed. *)
Lemma one_order_is_refused rank : ~ Answered [chose false; chose true] rank.
Proof.
  intro A.
  destruct (a_reversal _ _ A (chose true) (Chose true) (WriteAfter true))
    as (T & y & IT & (_ & Iy & E & P) & _); simpl; auto.
  - split; [simpl; auto|]. intros m B. destruct m as [|[]|[]|]; simpl in *; intuition discriminate.
  - intros [F|[F|F]]; discriminate.
  - exists Write. split; [apply next_steps; vm_compute; auto|split; reflexivity].
  - destruct E as [E _].
    cases IT; subst T; cases Iy; subst y; try discriminate; destruct (P _ (or_introl eq_refl)).
Qed.

(** Nor is the reading's, if it is only run after the writing. *)
Lemma the_other_order_is_refused rank : ~ Answered [written_first] rank.
Proof.
  intro A.
  destruct (a_reversal _ _ A written_first Write ReadAfter)
    as (T & y & IT & (_ & Iy & E & P) & _); simpl; auto.
  - split; [simpl; auto|]. intros m B. destruct m as [|[]|[]|]; simpl in *; intuition discriminate.
  - intros [F|[F|F]]; discriminate.
  - exists (Chose true). split; [apply next_steps; vm_compute; auto|split; reflexivity].
  - destruct E as [E _].
    cases IT; subst T; cases Iy; subst y; try discriminate; destruct (P _ (or_introl eq_refl)).
Qed.

(** And with one value alone, the other is missing. *)
Lemma one_value_is_refused rank : ~ Answered [written_first; chose false] rank.
Proof.
  intro A.
  destruct (a_alternative _ _ A (chose false) (Chose false) [] (one_of_two false) [] 1)
    as (T & y & more & IT & (_ & Iy & _) & E); simpl; auto.
  cases IT; subst T; cases Iy; subst y; discriminate.
Qed.
