From Coq Require Extraction.
From Seedloop.Spec Require Import Map Kernel Machine.
Extraction Language JSON.
Extraction "model.json" apply check_op start.
