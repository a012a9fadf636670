"""For each wrong kernel of table.py: the theorem that it makes false, and a proof that it is false.

Usage: run.py DIR [WORD], where DIR is a copy of proofs/ that is compiled; with a word, only the
kernels whose description has it.

The statement is cut out of thm/Theorems.v. The changed definitions, the words of the statements and
the refutation are compiled, as one file: Coq accepts a proof of `~ statement`, closed under the
global context.
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import table

HERE = pathlib.Path(__file__).resolve().parent
SPEC = ["Map.v", "Kernel.v", "Machine.v", "Words.v", "Scenes.v"]
COQ = "From Coq Require Import List Arith NArith Lia Bool Permutation Sorted.\nImport ListNotations.\n"


def statements(root):
    text = (root / "thm" / "Theorems.v").read_text()
    return dict(re.findall(r"^Theorem (\w+) : (.*?)\.\nProof", text, re.M | re.S))


def mutate(root, file, old, new):
    """The definitions with the change, as one text."""
    parts = []
    for name in SPEC:
        text = (root / "spec" / name).read_text()
        if name == file:
            if text.count(old) != 1:
                raise ValueError(f"the old text stands {text.count(old)} times")
            text = text.replace(old, new)
        parts.append(re.sub(r"^(From .* Require .*|Import ListNotations)\.\n", "", text, flags=re.M))
    return COQ + "\n".join(parts)


def coqc(text):
    with tempfile.TemporaryDirectory() as scratch:
        (pathlib.Path(scratch) / "Wrong.v").write_text(text)
        try:
            result = subprocess.run(["coqc", "Wrong.v"], cwd=scratch, capture_output=True, text=True, timeout=60)
        except subprocess.TimeoutExpired:
            raise ValueError("takes too long") from None
    output = result.stdout + result.stderr
    if result.returncode:
        raise ValueError(output)
    return output


def refute(root, known, mutant):
    what, file, old, new, theorem, script = mutant
    try:
        text = mutate(root, file, old, new) + (HERE / "prelude.v").read_text()
        text += f"\nTheorem refuted : ~ ({known[theorem]}).\nProof.\nintro H. {script}\nQed.\nPrint Assumptions refuted.\n"
        if "Closed under the global context" not in coqc(text):
            raise ValueError("the refutation rests on something")
    except ValueError as fault:
        return f"{what}: {theorem} is not refuted: {fault}"
    return ""


def survive(root, mutant):
    what, file, old, new, _ = mutant
    try:
        coqc(mutate(root, file, old, new))
    except ValueError as fault:
        return f"{what}: {fault}"
    return ""


def main(root, word=""):
    root = pathlib.Path(root)
    known = statements(root)
    mutants = [m for m in table.MUTANTS if word in m[0]]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        faults = list(pool.map(lambda m: refute(root, known, m), mutants))
        faults += pool.map(lambda m: survive(root, m), table.SURVIVORS if not word else [])
    faults = [fault for fault in faults if fault]
    if faults:
        sys.exit("\n".join(faults))
    for what, *_, theorem, _ in mutants:
        print(f"{theorem:<31} is false if {what}")
    for what, *_, why in table.SURVIVORS if not word else []:
        print(f"{'no theorem':<31} is false if {what}: {why}")
    theorems = len({m[4] for m in mutants})
    print(f"{len(mutants)} wrong kernels make {theorems} theorems false; {len(table.SURVIVORS)} are named as survivors")


main(*sys.argv[1:])
