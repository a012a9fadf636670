From Coq Require Extraction.
From Seedloop.Spec Require Import Map Kernel Machine Program.
Extraction Language JSON.
Extraction "model.json" apply check_op start init menu step_at report_of run_program.
