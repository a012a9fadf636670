(** In each theorem about what runs say in the end the thing really happens. *)
From Coq Require Import List Arith NArith Bool.
From Seedloop.Spec Require Import Map Kernel Machine Program Plain.
From Seedloop.Thm Require Import Programs ProgramExamples Unique Results Deadlocks.
Import ListNotations.

(** Main gathers a coroutine, a shielded one that fails, and a sleep; it awaits the failing one once
    more, and handles the failure. *)
Definition fan : program := Program.Program []
  [(0, [Try [Do (AwGather [AwCoro 1; AwShield (AwCoro 2); AwSleep 3 (VLiteral 8)] true);
             Do (AwShield (AwCoro 2))]
          [([7], [Log (VLiteral 5)])] [] []; Return (VLiteral 6)]);
   (1, [Log (VLiteral 1); Do (AwSleep 2 VNone); Return (VLiteral 4)]);
   (2, [Log (VLiteral 2); Raise (Exn 7 None)])].

Definition run_fan (choices : list nat) : world := fst (run fan 50 60 choices (init fan)).

(** What main says, and what it returns. *)
Definition main_of_fan : list said :=
  [Entered 0; Ok KGather (VList [VLiteral 4; VExc (Exn 7 None); VLiteral 8]);
   Err KShield (Exn 7 None); Excepted (Exn 7 None); Logged (VLiteral 5); Returned 0 (VLiteral 6)].

(** Who logs first is a choice; what main says and returns is none. *)
Example results_schedule_independent_happens :
  plain_program fan = true /\ steady_program fan = true /\
  logged (run_fan []) = [2; 1; 2; 5] /\ logged (run_fan [1]) = [1; 2; 2; 5] /\
  refused (core_of (run_fan [])) = false /\ refused (core_of (run_fan [1])) = false /\
  (exists ls, ended_after ls (Good (VLiteral 6)) (run_fan []) /\ main_said ls = main_of_fan) /\
  (exists ls, ended_after ls (Good (VLiteral 6)) (run_fan [1]) /\ main_said ls = main_of_fan).
Proof.
  do 6 (split; [vm_compute; reflexivity|]).
  split; (eexists; split; [exists []; eexists; split; [vm_compute;
    reflexivity|reflexivity]|reflexivity]).
Qed.

(** As if each await were a call. *)
Example results_are_the_meaning_happens : means fan main_of_fan (Good (VLiteral 6)).
Proof.
  assert (M : exists t, means fan t (Good (VLiteral 6)) /\ t = main_of_fan);
    [|destruct M as (t & M & <-); exact M].
  eexists. split.
  { eapply (gives_coro _ _ _ _ (Leave _)). eapply all_next.
    - eapply does_try.
      + eapply all_next.
        * eapply (does_await _ _ _ _ (Good _)). apply gives_gather. econstructor; [|econstructor].
          -- eapply (gives_coro _ _ _ _ (Leave _)). eapply all_next; [constructor|].
             eapply all_next; [eapply (does_await _ _ _ _ (Good _)); constructor|].
             apply all_stop; [constructor|discriminate].
          -- eapply gives_shield. eapply (gives_coro _ _ _ _ (Threw _)).
             eapply all_next; [constructor|].
             apply all_stop; [constructor|discriminate].
          -- econstructor; constructor.
        * eapply (all_stop _ _ _ _ _ (Threw _)); [|discriminate].
          eapply (does_await _ _ _ _ (Bad _)). eapply gives_shield.
          eapply (gives_coro _ _ _ _ (Threw _)). eapply all_next; [constructor|].
          apply all_stop; [constructor|discriminate].
      + eapply handles_caught; [reflexivity|]. eapply all_next; constructor.
      + apply finishes_next. constructor.
    - apply all_stop; [constructor|discriminate]. }
  reflexivity.
Qed.

(** A gathering that fails with the first child that fails: there are two meanings, and a choice
    between them. *)
Definition race : program := Program.Program []
  [(0, [Do (AwGather [AwCoro 1; AwCoro 2] false)]);
   (1, [Raise (Exn 7 None)]); (2, [Raise (Exn 8 None)])].

Example meaning_is_unique_happens :
  plain_program race = true /\ steady_program race = false /\
  ends (fst (run race 50 60 [] (init race))) = [RunRaised (Exn 7 None)] /\
  ends (fst (run race 50 60 [1] (init race))) = [RunRaised (Exn 8 None)] /\
  (forall t r, means fan t r -> t = main_of_fan /\ r = Good (VLiteral 6)).
Proof.
  do 4 (split; [vm_compute; reflexivity|]). intros t r M.
  apply (meaning_is_unique fan); [vm_compute; reflexivity|exact M|].
  exact results_are_the_meaning_happens.
Qed.

(** Main and a task that it has started wait for a future that nobody resolves; another one ends. *)
Definition waiting : program := Program.Program [9]
  [(0, [Start 1 1; Start 2 2; Do (AwHandle 9)]); (1, []); (2, [Do (AwHandle 9)])].

Example deadlock_names_who_waits_happens :
  ends (fst (run waiting 50 60 [] (init waiting))) = [Deadlock [Named 0; Named 2]].
Proof. vm_compute. reflexivity. Qed.
