(** If the evidence of a search is accepted, every run is among those that it has explored. *)
From Coq Require Import List Arith Lia Bool.
From Seedloop.Spec Require Import Events.
Import ListNotations.

(** ** Lists *)

(** Some element comes last among those of a kind. *)
Lemma last_of A (after : A -> A -> Prop) (P : A -> Prop) :
  (forall a, {P a} + {~ P a}) -> (forall a b, {after a b} + {~ after a b}) ->
  (forall a, ~ after a a) -> (forall a b c, after a b -> after b c -> after a c) ->
  forall l, (exists a, In a l /\ P a) ->
  exists m, In m l /\ P m /\ forall z, In z l -> P z -> ~ after z m.
Proof.
  intros P_dec after_dec irr trans l. induction l as [|h l IH]; intros (a & I & Pa); [destruct I|].
  destruct (Exists_dec P l P_dec) as [E|N].
  - apply Exists_exists in E. destruct (IH E) as (m & Im & Pm & M).
    destruct (P_dec h) as [Ph|Ph]; [destruct (after_dec h m) as [B|B]|].
    + exists h. split; [left; auto|split; auto]. intros z [<-|Iz] Pz C; [eapply irr; eauto|].
      eapply M; eauto.
    + exists m. split; [right; auto|split; auto]. intros z [<-|Iz] Pz; auto.
    + exists m. split; [right; auto|split; auto]. intros z [<-|Iz] Pz; [contradiction|auto].
  - assert (No : forall z, In z l -> ~ P z).
    { intros z Iz Pz. apply N, Exists_exists. eauto. }
    destruct I as [->|I]; [|destruct (No a I Pa)].
    exists a. split; [left; auto|split; auto]. intros z [<-|Iz] Pz; [apply irr|].
    destruct (No z Iz Pz).
Qed.

Lemma firstn_step A (a b : list A) i x : firstn i a = firstn i b ->
  nth_error a i = Some x -> nth_error b i = Some x -> firstn (S i) a = firstn (S i) b.
Proof.
  revert a b; induction i as [|i IH]; intros [|c a] [|d b]; simpl; try discriminate.
  - congruence.
  - intros [= -> E] Ha Hb. f_equal. exact (IH _ _ E Ha Hb).
Qed.

Lemma firstn_less A (a b : list A) i j : j <= i -> firstn i a = firstn i b ->
  firstn j a = firstn j b.
Proof.
  intros J E. apply (f_equal (firstn j)) in E. rewrite !firstn_firstn, Nat.min_l in E by auto.
  exact E.
Qed.

Lemma firstn_nth A (a b : list A) i j : j < i -> firstn i a = firstn i b ->
  nth_error a j = nth_error b j.
Proof.
  revert a b j; induction i as [|i IH]; intros a b j J E; [lia|].
  destruct a, b; simpl in E; try discriminate; [reflexivity|].
  injection E as -> E. destruct j; simpl; [reflexivity|]. apply IH; [lia|auto].
Qed.

Lemma firstn_all_eq A (a b : list A) i : length a <= i -> length b <= i ->
  firstn i a = firstn i b -> a = b.
Proof. intros LA LB. rewrite !firstn_all2; auto. Qed.

(** Lists of choices are the same, or one differs first in some place. *)
Definition choice_eq (a b : choice) : {a = b} + {a <> b}.
Proof. decide equality; apply Nat.eq_dec. Defined.

Lemma first_difference (a b : list choice) : a = b \/
  exists i, firstn i a = firstn i b /\ nth_error a i <> nth_error b i.
Proof.
  revert b; induction a as [|c a IH]; intros [|d b]; auto.
  - right. exists 0. split; [reflexivity|discriminate].
  - right. exists 0. split; [reflexivity|discriminate].
  - destruct (choice_eq c d) as [->|N].
    + destruct (IH b) as [->|(i & E & D)]; auto. right. exists (S i). simpl. split; congruence.
    + right. exists 0. split; [reflexivity|]. simpl. congruence.
Qed.

Lemma agree_nth a b i c d : agree a b -> firstn i a = firstn i b ->
  nth_error a i = Some c -> nth_error b i = Some d -> same_menu c d -> c = d.
Proof.
  revert a b; induction i as [|i IH]; intros [|x a] [|y b]; simpl; try discriminate.
  - intros H _ [= <-] [= <-] M. destruct (H M) as [V _]. destruct M, x, y; simpl in *; congruence.
  - intros H [= -> E]. destruct H as [_ H]; [split; reflexivity|]. eauto.
Qed.

(** ** The theorem *)

Section Evidence.
Variable s : system.
Hypothesis L : Lawful s.
Notation set := (list (event s)).
Implicit Types (x y z e g a : event s) (C D T : set).

Lemma before_dec e a : {In e (past a)} + {~ In e (past a)}.
Proof. apply in_dec, event_eq. Qed.

Lemma same_step_sym x y : same_step x y -> same_step y x.
Proof. intros []; split; auto. Qed.
Lemma same_step_trans x y z : same_step x y -> same_step y z -> same_step x z.
Proof. intros [] []; split; congruence. Qed.

Lemma in_without e T a : In a (without e T) <-> In a T /\ a <> e /\ ~ In e (past a).
Proof.
  unfold without, is_from. rewrite filter_In.
  destruct (event_eq a e), (in_dec event_eq e (past a)); simpl; intuition congruence.
Qed.

Lemma without_part e T : reached T -> reached (without e T).
Proof.
  intro R. apply (l_part L) with T; auto.
  - intros a I. apply in_without in I. tauto.
  - intros x I y B. apply in_without in I as (I & N & M). apply in_without. repeat split.
    + exact (l_past L T x R I y B).
    + intros ->; auto.
    + intro B'. exact (M (l_transitive L _ _ _ B' B)).
Qed.

Lemma next_past C x : next C x -> incl (past x) C.
Proof.
  intros (_ & _ & R) a B. destruct (l_past L _ x R (or_introl eq_refl) a B) as [<-|]; auto.
  destruct (l_irreflexive L _ B).
Qed.

Lemma next_new C x y : next C x -> In y C -> ~ same_step y x.
Proof.
  intros (_ & N & R) I E.
  rewrite (l_once L _ y x R (or_intror I) (or_introl eq_refl) E) in I. auto.
Qed.

(** In a run, what stands right after some events that it has can be next after these alone. *)
Lemma next_in T C x : reached T -> reached C -> incl C T -> In x T -> ~ In x C ->
  incl (past x) C -> next C x.
Proof.
  intros RT RC I Ix N P. repeat split; auto. apply (l_part L) with T; auto.
  - intros a [<-|Ia]; auto.
  - intros a [<-|Ia] b B; right; [exact (P b B)|exact (l_past L C a RC Ia b B)].
Qed.

Lemma has_next T T' e x y : reached T -> reached T' -> In x T -> has T' (without e T) x y ->
  ~ In x (without e T) -> next (without e T) y.
Proof.
  intros RT RT' Ix (I & Iy & E & P) N. apply next_in with T'; auto using without_part.
  intro Iy'. apply N. replace x with y; auto. apply (l_once L T); auto.
  apply in_without in Iy'. tauto.
Qed.

(** *** Two events of one step *)

(** If nothing new is met before choice [j], and the values agree while the menus do, the step makes
    the same choices until there, of the same menus. *)
Lemma alike_until C D z y j b : next C z -> next D y -> same_step y z -> incl C D ->
  (forall g, In g D -> meets z j g -> In g C) -> agree (choices y) b ->
  S j <= length (choices z) -> firstn (S j) b = firstn (S j) (choices z) ->
  forall i, i <= S j -> firstn i (choices y) = firstn i (choices z).
Proof.
  intros Nz Ny E I New A Len B. induction i as [|i IH]; intro Li; [reflexivity|].
  specialize (IH ltac:(lia)).
  destruct (nth_error (choices z) i) as [c|] eqn:Ec.
  2: { apply nth_error_None in Ec. lia. }
  destruct (l_alike L C D z y i c Nz Ny E I Ec IH) as [(d & Ed & M) _].
  { intros g Ig Mg. apply New; auto. apply (l_meets_more L) with i; auto. lia. }
  assert (Eb : nth_error b i = Some c) by (rewrite (firstn_nth _ _ _ _ i Li B); auto).
  assert (d = c); [|subst d; eapply firstn_step; eauto].
  apply (agree_nth (choices y) b i); auto.
  rewrite IH. symmetry. apply firstn_less with (S j); auto. lia.
Qed.

(** Two that can be next after the same events are one, or differ first in a value. *)
Lemma alternatives C x z : next C x -> next C z -> same_step x z -> x = z \/
  exists i c d, firstn i (choices x) = firstn i (choices z) /\
    nth_error (choices x) i = Some c /\ nth_error (choices z) i = Some d /\
    same_menu c d /\ value c <> value d /\ forall g, meets x i g <-> meets z i g.
Proof.
  intros Nx Nz E. destruct (first_difference (choices x) (choices z)) as [Same|(i & F & Df)].
  - left. exact (l_determined L C z x Nz Nx E Same).
  - right. destruct (nth_error (choices z) i) as [d|] eqn:Ed.
    + destruct (l_alike L C C z x i d Nz Nx E (incl_refl C) Ed F) as [(c & Ec & M) Me]; auto.
      exists i, c, d. repeat split; auto; try apply M; try apply Me.
      intro V. apply Df. rewrite Ec. f_equal. destruct M, c, d; simpl in *; congruence.
    + destruct (nth_error (choices x) i) as [c|] eqn:Ec; [|congruence].
      destruct (l_alike L C C x z i c Nx Nz (same_step_sym _ _ E) (incl_refl C) Ec (eq_sym F))
        as [(d & Ed' & _) _]; auto. congruence.
Qed.

(** *** From run to run *)

Variable X : list set.
Variable rank : set -> nat -> nat -> nat.
Hypothesis ended : forall T, In T X -> reached T /\ forall x, ~ next T x.
Hypothesis answered : Answered X rank.

Section Search.
(** [z] can be next after [C]: a run is looked for that has [C] and [z]. *)
Variable C : set.
Variable z : event s.
Hypothesis Nz : next C z.

(** A run that has [C], and [z]'s step as [x], which so far makes [i] choices as [z] does. All that
    this part of the step meets is in [C], or comes later. *)
Record Near (T : set) (x : event s) (i : nat) : Prop := {
  n_explored : In T X;
  n_has : incl C T;
  n_in : In x T;
  n_step : same_step x z;
  n_length : i <= length (choices z);
  n_choices : firstn i (choices x) = firstn i (choices z);
  n_meets : forall j, i = S j -> forall g, meets x j g <-> meets z j g;
  n_past : forall j, i = S j -> forall g, In g (past x) -> meets z j g -> In g C }.

Lemma part_without e T : reached T -> incl C T -> ~ In e C -> incl C (without e T).
Proof.
  intros R I N a Ia. apply in_without. repeat split; auto.
  - intros ->; auto.
  - intro B. destruct Nz as (RC & _). exact (N (l_past L C a RC Ia e B)).
Qed.

(** What a step after [e] meets before its choice [j] is in [C], or happens after it and so after
    [e]: without these nothing new is met. *)
Lemma nothing_new e T x j : reached T -> In x T -> (x = e \/ In e (past x)) ->
  (forall g, In g (past x) -> meets x j g -> In g C) ->
  forall g, In g (without e T) -> meets x j g -> In g C.
Proof.
  intros R Ix F P g Ig Mg. apply in_without in Ig as (Ig & Ne & Nb).
  assert (x <> g) as Nx by (intros <-; destruct F; auto).
  destruct (l_meets L T x g j R Ix Ig Nx Mg) as [B|B]; [auto|].
  destruct F as [->|F]; [contradiction|]. destruct (Nb (l_transitive L _ _ _ F B)).
Qed.

(** The same choices are made in the run that answers, and the same is met. *)
Lemma near_again e T T' x y i j : i = S j -> In T X -> In x T -> (x = e \/ In e (past x)) ->
  ~ In e C -> incl C T -> In T' X -> has T' (without e T) x y -> same_step x z ->
  (forall g, meets x j g <-> meets z j g) ->
  (forall g, In g (past x) -> meets z j g -> In g C) ->
  i <= length (choices z) ->
  (exists b, agree (choices y) b /\ firstn i b = firstn i (choices z)) ->
  Near T' y i.
Proof.
  intros -> IT Ix F Ne IC IT' H Ex Me P Len (b & A & B).
  destruct (ended T IT) as [RT _]. destruct (ended T' IT') as [RT' _].
  assert (Ny : next (without e T) y).
  { apply has_next with T' x; auto. intro I. apply in_without in I as (_ & N1 & N2).
    destruct F; contradiction. }
  pose proof (part_without e T RT IC Ne) as IC'.
  destruct H as (I & Iy & Ey & Py).
  assert (Eyz : same_step y z) by (apply same_step_trans with x; auto).
  assert (New : forall g, In g (without e T) -> meets z j g -> In g C).
  { intros g Ig Mg. apply (nothing_new e T x j); auto; [|apply Me; auto].
    intros g' Ig' Mg'. apply P; auto. apply Me; auto. }
  pose proof (alike_until C _ z y j b Nz Ny Eyz IC' New A Len B) as Same.
  assert (Ec : exists c, nth_error (choices z) j = Some c).
  { destruct (nth_error (choices z) j) eqn:E; eauto. apply nth_error_None in E. lia. }
  destruct Ec as [c Ec].
  destruct (l_alike L C _ z y j c Nz Ny Eyz IC' Ec (Same j ltac:(lia)) New) as [_ Me'].
  constructor; auto.
  - intros a Ia. auto.
  - intros ? [= <-]. exact Me'.
  - intros ? [= <-] g Ig. apply New. auto.
Qed.

Lemma agree_refl l : agree l l.
Proof. induction l; simpl; auto. Qed.

(** The step [x] of the run has a cause outside of [C]: a race is reversed. *)
Lemma reverse T x i : Near T x i -> (exists a, In a (past x) /\ ~ In a C) ->
  exists T' y, Near T' y i /\
    rank T' (owner z) (ordinal z) < rank T (owner z) (ordinal z).
Proof.
  intros N Out. destruct (ended T (n_explored _ _ _ N)) as [RT _].
  pose proof (n_step _ _ _ N) as Ex. destruct Ex as [Eo En].
  destruct (last_of _ (fun a b => In b (past a)) (fun a => ~ In a C)) with (l := past x)
    as (e & Be & Ne & M); auto.
  { intro a. destruct (in_dec event_eq a C); auto. }
  { intros a b. apply before_dec. }
  { apply (l_irreflexive L). }
  { intros a b c B1 B2. exact (l_transitive L _ _ _ B2 B1). }
  assert (Ie : In e T) by exact (l_past L T x RT (n_in _ _ _ N) e Be).
  assert (Rb : right_before e x).
  { split; auto. intros m B1 B2. apply (M m); auto. intro Im.
    destruct Nz as (RC & _). exact (Ne (l_past L C m RC Im e B1)). }
  pose proof (part_without e T RT (n_has _ _ _ N) Ne) as IC.
  assert (Ready : exists y, next (without e T) y /\ same_step y x).
  { destruct (l_stays L C (without e T) z Nz (without_part e T RT) IC) as (y & Ny & Ey).
    - intros y Iy Ey. apply in_without in Iy as (Iy & _ & Nb). apply Nb.
      replace y with x; auto. apply (l_once L T); auto.
      + exact (n_in _ _ _ N).
      + apply same_step_trans with z; [exact (n_step _ _ _ N)|apply same_step_sym; auto].
    - exists y. split; auto. apply same_step_trans with z; auto. split; auto. }
  assert (Free : ~ in_fixed_order e x).
  { intro Fx. destruct Ready as (y & Ny & Ey).
    exact (l_fixed L T e x y RT Ie (n_in _ _ _ N) Be Fx Ny Ey). }
  destruct (a_reversal _ _ answered T e x (n_explored _ _ _ N) Ie (n_in _ _ _ N) Rb Free Ready)
    as (T' & y & IT' & H & A & R).
  exists T', y. rewrite <- Eo, <- En. split; auto.
  destruct i as [|j].
  - destruct H as (I & Iy & Ey & Py). constructor; auto; try discriminate.
    + intros a Ia. auto.
    + apply same_step_trans with x; auto. split; auto.
    + lia.
  - destruct N. apply (near_again e T T' x y (S j) j); eauto.
Qed.

(** It has none: it is [z], or a choice in it is made otherwise. *)
Lemma choose T x i : Near T x i -> incl (past x) C -> x = z \/
  exists T' y j, i < j /\ Near T' y j.
Proof.
  intros N P. destruct (ended T (n_explored _ _ _ N)) as [RT _].
  destruct Nz as (RC & Out & _).
  assert (New : ~ In x C) by (intro I; exact (next_new C z x Nz I (n_step _ _ _ N))).
  assert (Nx : next C x) by (destruct N; apply next_in with T; auto).
  destruct (alternatives C x z Nx Nz (n_step _ _ _ N))
    as [E|(k & c & d & F & Ec & Ed & M & V & Me)]; auto.
  right.
  assert (Ik : i <= k).
  { destruct (le_lt_dec i k) as [|Lt]; auto. exfalso. apply V.
    pose proof (firstn_nth _ _ _ _ k Lt (n_choices _ _ _ N)). congruence. }
  destruct (nth_error_split _ _ Ec) as (before & after & Es & Lb).
  assert (Legal : value d < menu c).
  { destruct M as [_ ->]. apply (l_legal L z). apply nth_error_In with k; auto. }
  destruct (a_alternative _ _ answered T x before c after (value d) (n_explored _ _ _ N)
    (n_in _ _ _ N) Es Legal ltac:(auto)) as (T' & y & more & IT' & H & Ey).
  assert (Lk : S k <= length (choices z)).
  { apply nth_error_Some. rewrite Ed. discriminate. }
  exists T', y, (S k). split; [lia|].
  destruct N. apply (near_again x T T' x y (S k) k); auto.
  - exists (choices y). split; [apply agree_refl|].
    assert (Ez : firstn k (choices z) = before).
    { rewrite <- F, Es, <- Lb, firstn_app, Nat.sub_diag, firstn_all. simpl. apply app_nil_r. }
    apply firstn_step with d; auto.
    + rewrite Ez, Ey, <- Lb, firstn_app, Nat.sub_diag, firstn_all. simpl. apply app_nil_r.
    + rewrite Ey, <- Lb, nth_error_app2, Nat.sub_diag by lia. simpl. f_equal.
      destruct M as [-> ->]. destruct d; reflexivity.
Qed.

Lemma found : forall n m T x i, Near T x i -> length (choices z) - i <= n ->
  rank T (owner z) (ordinal z) <= m -> exists T', In T' X /\ incl C T' /\ In z T'.
Proof.
  induction n as [n IHn] using lt_wf_ind. induction m as [m IHm] using lt_wf_ind.
  intros T x i N Hn Hm.
  destruct (Exists_dec (fun a => ~ In a C) (past x)) as [O|O].
  { intro a. destruct (in_dec event_eq a C); auto. }
  - apply Exists_exists in O. destruct (reverse T x i N O) as (T' & y & N' & R).
    apply (IHm (rank T' (owner z) (ordinal z))) with T' y i; auto; lia.
  - assert (P : incl (past x) C).
    { intros a Ba. destruct (in_dec event_eq a C); auto. destruct O. apply Exists_exists. eauto. }
    destruct (choose T x i N P) as [->|(T' & y & j & Lt & N')].
    + destruct N. eauto.
    + pose proof (n_length _ _ _ N') as Len.
      apply (IHn (length (choices z) - j)) with (rank T' (owner z) (ordinal z)) T' y j;
        auto; lia.
Qed.

Lemma next_is_explored T : In T X -> incl C T -> exists T', In T' X /\ incl C T' /\ In z T'.
Proof.
  intros IT IC. destruct (ended T IT) as [RT Max].
  destruct (Exists_dec (fun x => same_step x z) T) as [O|O].
  { intro x. unfold same_step.
    destruct (Nat.eq_dec (owner x) (owner z)), (Nat.eq_dec (ordinal x) (ordinal z)); tauto. }
  - apply Exists_exists in O as (x & Ix & E).
    apply (found (length (choices z)) (rank T (owner z) (ordinal z)) T x 0); auto; [|lia].
    constructor; auto; try discriminate. lia.
  - destruct (l_stays L C T z Nz RT IC) as (y & Ny & _).
    + intros y Iy E. apply O, Exists_exists. eauto.
    + destruct (Max y Ny).
Qed.
End Search.

Lemma run_is_explored T0 : In T0 X -> forall l, run l -> exists T, In T X /\ incl l T.
Proof.
  intros I0 l R. induction R as [|l x R (T & IT & I) Nx].
  - exists T0. split; auto. intros a [].
  - destruct (next_is_explored l x Nx T IT I) as (T' & IT' & I' & Ix).
    exists T'. split; auto. intros a [<-|Ia]; auto.
Qed.

(** What has not run of a run comes in some order. *)
Lemma more_is_next T l : reached T -> reached l -> incl l T -> incl T l \/ exists x, next l x.
Proof.
  intros RT Rl I. destruct (Exists_dec (fun a => ~ In a l) T) as [O|O].
  { intro a. destruct (in_dec event_eq a l); auto. }
  - right. apply Exists_exists in O.
    destruct (last_of _ (fun a b => In a (past b)) (fun a => ~ In a l)) with (l := T)
      as (x & Ix & Nx & M); auto.
    { intro a. destruct (in_dec event_eq a l); auto. }
    { intros a b. apply before_dec. }
    { apply (l_irreflexive L). }
    { apply (l_transitive L). }
    exists x. apply next_in with T; auto. intros a Ba.
    destruct (in_dec event_eq a l) as [|Na]; auto.
    destruct (M a (l_past L T x RT Ix a Ba) Na Ba).
  - left. intros a Ia. destruct (in_dec event_eq a l); auto. destruct O. apply Exists_exists. eauto.
Qed.
End Evidence.

(** Every run is part of an explored one; and if it went to its end, it has the same events. *)
Theorem accepted_is_everything : forall (s : system) (X : list (list (event s))),
  Lawful s -> Accepted X -> forall l, run l -> exists T, In T X /\ incl l T /\
    ((forall x, ~ next l x) -> incl T l).
Proof.
  intros s X L (Some & Ended & rank & A) l R.
  destruct X as [|T0 X]; [contradiction|]. clear Some.
  destruct (run_is_explored s L _ rank Ended A T0 (or_introl eq_refl) l R) as (T & IT & I).
  exists T. split; auto. split; auto. intro Max. destruct (Ended T IT) as [RT _].
  assert (Rl : reached l).
  { destruct R as [|l x R (_ & _ & Rx)]; auto. apply (l_part L) with T; auto. intros ? []. }
  destruct (more_is_next s L T l RT Rl I) as [|(x & Nx)]; auto. destruct (Max x Nx).
Qed.
