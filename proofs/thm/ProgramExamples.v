(** In each theorem about programs the thing really happens: two tasks start, and who is first is a
    choice. *)
From Coq Require Import List Arith NArith Bool.
From Seedloop.Spec Require Import Map Kernel Machine Program.
From Seedloop.Thm Require Import Programs.
Import ListNotations.

(** Main starts two tasks, and awaits both. *)
Definition two : program := Program.Program []
  [(0, [Start 1 1; Start 2 2; Do (AwHandle 1); Do (AwHandle 2)]);
   (1, [Log (VLiteral 1)]); (2, [Log (VLiteral 2)])].

Definition run_two (choices : list nat) : world * list nat := run two 50 40 choices (init two).

(** The literals that were logged. *)
Definition logged (w : world) : list nat :=
  flat_map (fun l => match l_said l with Logged (VLiteral n) => [n] | _ => [] end)
    (rev (lines (rest_of w))).

Definition happened (c : world * list nat) := (logged (fst c), snd c, refused (core_of (fst c)),
  is_over (fst c)).

Example every_choice_is_legal_happens :
  happened (run_two [7]) = ([2; 1], [1], false, true).
Proof. vm_compute. reflexivity. Qed.

Example truncation_is_zeros_happens :
  happened (run_two [1]) = ([2; 1], [1], false, true) /\ run_two [1; 0; 0] = run_two [1].
Proof. vm_compute. split; reflexivity. Qed.

Example replay_exact_happens : snd (run_two [7]) = [1] /\ run_two [1; 5; 5] = run_two [7].
Proof. vm_compute. split; reflexivity. Qed.

Example choices_sound_happens :
  logged (fst (run_two [])) = [1; 2] /\ logged (fst (run_two [1])) = [2; 1].
Proof. vm_compute. split; reflexivity. Qed.

(** A list of choices for the schedule in which the second of two ready handles runs. *)
Example choices_complete_happens :
  menu (fst (run two 50 3 [] (init two))) = Some 2 /\
  logged (fst (run two 50 1 [1] (fst (run two 50 3 [] (init two))))) = [2] /\
  logged (fst (run two 50 1 [0] (fst (run two 50 3 [] (init two))))) = [1].
Proof. vm_compute. repeat split; reflexivity. Qed.

Example run_is_accepted_happens :
  let w := fst (run_two [1]) in
  40 < length (operations (core_of w)) /\
  is_some (accept start (rev (operations (core_of w)))) = true.
Proof. vm_compute. split; [repeat constructor|reflexivity]. Qed.

Example zeros_take_the_first_happens :
  let os := map fst (operations (core_of (fst (run_two [])))) in
  7 < length (filter (fun o => match o with OTake 0 => true | _ => false end) os) /\
  existsb (fun o => match o with OTake 1 => true | _ => false end)
    (map fst (operations (core_of (fst (run_two [1]))))) = true.
Proof. vm_compute. split; [repeat constructor|reflexivity]. Qed.
