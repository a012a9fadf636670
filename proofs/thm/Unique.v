(** What a steady program means is one thing. *)
From Coq Require Import List Arith NArith Lia Bool.
From Seedloop.Spec Require Import Map Kernel Program Plain.
Import ListNotations.

Scheme does_mut := Minimality for does Sort Prop
  with all_mut := Minimality for does_all Sort Prop
  with repeats_mut := Minimality for repeats Sort Prop
  with handles_mut := Minimality for handles Sort Prop
  with finishes_mut := Minimality for finishes Sort Prop
  with gives_mut := Minimality for gives Sort Prop
  with give_all_mut := Minimality for give_all Sort Prop.
Combined Scheme meaning_ind from does_mut, all_mut, repeats_mut, handles_mut, finishes_mut,
  gives_mut,
  give_all_mut.

Section Unique.
Variable p : program.

Lemma through P s : throughout P s = true -> P s = true /\
  match s with
  | Try b hs els fin => forallb (throughout P) b = true /\
      forallb (fun h => forallb (throughout P) (snd h)) hs = true /\
      forallb (throughout P) els = true /\ forallb (throughout P) fin = true
  | Repeat _ b => forallb (throughout P) b = true
  | _ => True
  end.
Proof.
  destruct s; simpl; intro H; apply andb_true_iff in H as [H1 H2]; auto.
  repeat (apply andb_true_iff in H2 as [H2 ?]). auto.
Qed.
Lemma through_caught P e hs b : forallb (fun h => forallb (throughout P) (snd h)) hs = true ->
  catching e hs = Some b -> forallb (throughout P) b = true.
Proof.
  induction hs as [|[ks c] hs IH]; simpl; [discriminate|]. intro H.
  apply andb_true_iff in H as [H1 H2]. destruct (existsb (Nat.eqb e) ks); auto.
  injection 1 as <-. exact H1.
Qed.

(** ** What is harmless does not fail *)

Definition calm_flow (o : flow) : Prop := forall x, o <> Threw x.
Notation tame n l := (forallb (throughout (harmless_here (harmless_coro p n))) l = true).

Lemma harmless_good :
  (forall e s t o, does p e s t o ->
    forall n, throughout (harmless_here (harmless_coro p n)) s = true -> calm_flow o) /\
  (forall e l t o, does_all p e l t o -> forall n, tame n l -> calm_flow o) /\
  (forall e k b t o, repeats p e k b t o -> forall n, tame n b -> calm_flow o) /\
  (forall e hs els o t o', handles p e hs els o t o' -> forall n,
    forallb (fun h => forallb (throughout (harmless_here (harmless_coro p n))) (snd h)) hs = true ->
    tame n els -> calm_flow o -> calm_flow o') /\
  (forall e fin o t o', finishes p e fin o t o' -> forall n, tame n fin -> calm_flow o ->
    calm_flow o') /\
  (forall e a t r, gives p e a t r -> forall n, harmless_await (harmless_coro p n) a = true ->
    forall x, r <> Bad x) /\
  (forall l rs, give_all p l rs -> True).
Proof.
  apply meaning_ind; auto; unfold calm_flow; try (intros; discriminate).
  - intros e a t r _ IH n H. apply through in H as [H _]. specialize (IH n H).
    destruct r; simpl; [discriminate|]. destruct (IH e0). auto.
  - intros e b hs els fin t1 o1 t2 o2 t3 o3 _ IH1 _ IH2 _ IH3 n H.
    apply through in H as (_ & H1 & H2 & H3 &
    H4).
    apply (IH3 n H4). apply (IH2 n H2 H3). apply (IH1 n H1).
  - intros e s t l u o _ _ _ IH n H. simpl in H. apply andb_true_iff in H as [_ H]. eauto.
  - intros e s t l o _ IH _ n H. simpl in H. apply andb_true_iff in H as [H _]. eauto.
  - intros e hs els t o _ IH n _ H _. eauto.
  - intros e hs els x b t o _ _ _ n _ _ H. destruct (H x). auto.
  - intros e fin o t o' _ IH _ n H _. eauto.
  - intros e c t o _ IH n H x. destruct n as [|n]; [discriminate|]. specialize (IH n H).
    destruct o; simpl; try discriminate. destruct (IH e0). auto.
  - intros e l a t x J _ IH n H. simpl in H. rewrite forallb_forall in H. destruct (IH n (H a J) x).
    auto.
Qed.

(** ** One meaning *)

Hypothesis Steady : steady_program p = true.
Notation steady l := (forallb (throughout (steady_here p)) l = true).

Lemma steady_body c : steady (body_of c p).
Proof.
  unfold steady_program in Steady. unfold body_of.
  induction (p_coros p) as [|[d b] l IH]; simpl in *; auto.
  apply andb_true_iff in Steady as [B L]. destruct (c =? d); auto.
Qed.

Lemma one_meaning :
  (forall e s t o, does p e s t o -> throughout (steady_here p) s = true ->
    forall u o', does p e s u o' -> t = u /\ o = o') /\
  (forall e l t o, does_all p e l t o -> steady l ->
    forall u o', does_all p e l u o' -> t = u /\ o = o') /\
  (forall e k b t o, repeats p e k b t o -> steady b ->
    forall u o', repeats p e k b u o' -> t = u /\ o = o') /\
  (forall e hs els o t o1, handles p e hs els o t o1 ->
    forallb (fun h => forallb (throughout (steady_here p)) (snd h)) hs = true -> steady els ->
    forall u o2, handles p e hs els o u o2 -> t = u /\ o1 = o2) /\
  (forall e fin o t o1, finishes p e fin o t o1 -> steady fin ->
    forall u o2, finishes p e fin o u o2 -> t = u /\ o1 = o2) /\
  (forall e a t r, gives p e a t r -> steady_await p a = true ->
    forall u r', gives p e a u r' -> t = u /\ r = r') /\
  (forall l rs, give_all p l rs -> forallb (steady_await p) l = true ->
    forall rs', give_all p l rs' -> rs = rs').
Proof.
  apply meaning_ind; try (intros; match goal with H : does _ _ _ _ _ |- _ => inversion H; subst;
    auto end; fail).
  - intros e a t r _ IH H u o D. inversion D; subst. apply through in H as [H _].
    match goal with G : gives _ _ a _ _ |- _ => destruct (IH H _ _ G) as [-> ->] end. auto.
  - intros e b hs els fin t1 o1 t2 o2 t3 o3 _ IH1 _ IH2 _ IH3 H u o D. inversion D; subst.
    apply through in H as (_ & H1 & H2 & H3 & H4).
    match goal with A : does_all p e b _ _ |- _ => destruct (IH1 H1 _ _ A) as [<- <-] end.
    match goal with A : handles p e hs els _ _ _ |- _ => destruct (IH2 H2 H3 _ _ A) as [<- <-] end.
    match goal with A : finishes p e fin _ _ _ |- _ => destruct (IH3 H4 _ _ A) as [<- <-] end. auto.
  - intros e _ u o D. inversion D; auto.
  - intros e s t l u o _ IH1 _ IH2 H v o' D. simpl in H. apply andb_true_iff in H as [H1 H2].
    inversion D; subst.
    + match goal with A : does _ _ s _ _ |- _ => destruct (IH1 H1 _ _ A) as [<- _] end.
      match goal with A : does_all _ _ l _ _ |- _ => destruct (IH2 H2 _ _ A) as [<- <-] end. auto.
    + exfalso. match goal with A : does _ _ s _ _ |- _ => destruct (IH1 H1 _ _ A) as [_ <-] end.
      contradiction.
  - intros e s t l o _ IH N H v o' D. simpl in H. apply andb_true_iff in H as [H1 H2].
    inversion D; subst; auto. exfalso.
    match goal with A : does _ _ s _ _ |- _ => destruct (IH H1 _ _ A) as [_ ->] end. auto.
  - intros e b _ u o D. inversion D; auto.
  - intros e k b t u o _ IH1 _ IH2 H v o' D. inversion D; subst.
    + match goal with A : does_all _ _ b _ _ |- _ => destruct (IH1 H _ _ A) as [<- _] end.
      match goal with A : repeats _ _ k b _ _ |- _ => destruct (IH2 H _ _ A) as [<- <-] end. auto.
    + exfalso. match goal with A : does_all _ _ b _ _ |- _ => destruct (IH1 H _ _ A) as [_ <-] end.
      contradiction.
  - intros e k b t o _ IH N H v o' D. inversion D; subst; auto. exfalso.
    match goal with A : does_all _ _ b _ _ |- _ => destruct (IH H _ _ A) as [_ ->] end. auto.
  - intros e hs els t o _ IH H1 H2 u o' D. inversion D; subst; auto; discriminate.
  - intros e hs els x b t o C _ IH H1 H2 u o' D. inversion D; subst.
    + rewrite C in *. match goal with H : Some _ = Some _ |- _ => injection H as <- end.
      match goal with A : does_all _ _ b _ _ |- _ =>
        destruct (IH (through_caught _ _ _ _ H1 C) _ _ A) as [<- <-] end. auto.
    + congruence.
    + discriminate.
  - intros e hs els x C _ _ u o' D. inversion D; subst; auto; congruence.
  - intros e hs els o L _ _ u o' D. inversion D; subst; auto; discriminate.
  - intros e fin o t _ IH H u o' D. inversion D; subst;
      match goal with A : does_all _ _ fin _ _ |- _ => destruct (IH H _ _ A) as [<- E] end; auto.
    congruence.
  - intros e fin o t o1 _ IH N H u o' D. inversion D; subst;
      match goal with A : does_all _ _ fin _ _ |- _ => destruct (IH H _ _ A) as [<- E] end; auto.
    contradiction.
  - intros e c t o _ IH _ u r D. inversion D; subst.
    match goal with A : does_all _ _ _ _ _ |- _ =>
      destruct (IH (steady_body c) _ _ A) as [<- <-] end. auto.
  - intros e d v _ u r D. inversion D; auto.
  - intros e l rs _ IH H u r D. simpl in H. inversion D; subst. split; auto. repeat f_equal. auto.
  - intros e l vs _ IH H u r D. simpl in H. apply andb_true_iff in H as [H1 H2]. inversion D; subst.
    + split; auto. repeat f_equal. match goal with H : give_all _ l (map Good ?vs0) |- _ =>
      specialize (IH H2 _ H) end.
      clear - IH. revert vs0 IH. induction vs as [|v vs IHv]; intros [|u us] E; simpl in E;
        try discriminate; auto.
      injection E as -> E. f_equal. auto.
    + exfalso. destruct harmless_good as (_ & _ & _ & _ & _ & HG & _).
      rewrite forallb_forall in H1. match goal with J : In ?a l, G : gives _ _ ?a _ (Bad ?x) |- _ =>
        exact (HG _ _ _ _ G _ (H1 a J) x eq_refl) end.
  - intros e l a t x J G IH H u r D. simpl in H. apply andb_true_iff in H as [H1 H2].
    exfalso. destruct harmless_good as (_ & _ & _ & _ & _ & HG & _).
    rewrite forallb_forall in H1. exact (HG _ _ _ _ G _ (H1 a J) x eq_refl).
  - intros e a t r _ IH H u r' D. inversion D; subst.
    match goal with A : gives _ _ a _ _ |- _ => destruct (IH H _ _ A) as [_ <-] end. auto.
  - intros _ rs D. inversion D; auto.
  - intros a t l r rs _ IH1 _ IH2 H rs' D. simpl in H. apply andb_true_iff in H as [H1 H2].
    inversion D; subst.
    match goal with A : gives _ _ a _ _ |- _ => destruct (IH1 H1 _ _ A) as [_ <-] end. f_equal.
    auto.
Qed.

End Unique.

(** A steady program means one thing. *)
Theorem meaning_is_unique : forall p t r u s, steady_program p = true ->
  means p t r -> means p u s -> t = u /\ r = s.
Proof.
  intros p t r u s S M N. destruct (one_meaning p S) as (_ & _ & _ & _ & _ & G & _).
  eapply G; eauto.
Qed.
