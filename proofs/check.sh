#!/usr/bin/env bash
# Checks the proofs from nothing, in a scratch copy: one line for each step, the first red one ends
# it.
#
#   check.sh                  everything; installs Coq with apt-get where it is missing
#   check.sh --certificates DIR
#                             everything, and the goals in DIR/*.v (SEEDLOOP_CERTIFICATES=DIR
#                             cargo test --test program cpython)
#   check.sh --bless          rewrites STATEMENTS.txt and extracted/model.json, and checks the rest
#   check.sh --in DIR STEP..  these steps alone, in a copy that is already there (neg/run.py)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
jobs=2
bless=no
certificates=
paths=(-Q spec Seedloop.Spec -Q thm Seedloop.Thm)

die() { printf '%s\n' "$@" >&2; exit 1; }

# * The lists

files() { grep '\.v$' _CoqProject; }
headlines() { awk -v kind="$1" '$1 == kind { print $2, $3 }' theorems.txt; }
# The full name of a module that stands in spec/ or thm/.
module() { if [ -f "spec/$1.v" ]; then echo "Seedloop.Spec.$1"; else echo "Seedloop.Thm.$1"; fi; }
requires() {
    echo 'From Coq Require Import List Arith NArith Bool Permutation Sorted. Import ListNotations.'
    echo 'From Seedloop.Spec Require Import Map Kernel Machine Words.'
    { headlines theorem; headlines define; } | cut -d' ' -f1 | sort -u | while read -r name; do
        echo "Require $(module "$name")."
    done
}

# * The steps. Each runs in the copy, and prints what it found on one line.

step_coq() {
    local tool root=() missing=()
    for tool in coqc coq_makefile coqchk make; do command -v "$tool" > /dev/null || missing+=("$tool"); done
    if [ ${#missing[@]} != 0 ]; then
        [ "$(id -u)" = 0 ] || root=(sudo)
        { "${root[@]}" apt-get update && "${root[@]}" apt-get install -y --no-install-recommends coq make; } \
            > apt.log 2>&1 || { tail -5 apt.log >&2; die "not there, and cannot be installed: ${missing[*]}"; }
    fi
    coqc --version | head -1
}

# Nothing in the sources makes a proof out of thin air, and no source is left out.
step_text() {
    local words='\b(Admitted|admit|give_up|Axioms?|Parameters?|Conjectures?|bypass_check|type-in-type'
    words+='|Unset (Guard|Positivity|Universe) Checking|Load|Redirect)\b|^ *(Primitive|Declare)\b'
    if grep -nE "$words" $(files) Extract.v; then die 'a source says what no source may say'; fi
    diff <(files | sort) <(ls spec/*.v thm/*.v | sort) >&2 || die '_CoqProject does not list every source'
    echo "$(files | wc -l) sources"
}

step_compile() {
    coq_makefile -f _CoqProject -o CoqMakefile > make.log 2>&1
    make -s -j "$jobs" -f CoqMakefile > make.log 2>&1 ||
        { grep -v '^make' make.log | head -20 >&2; die 'a source does not compile'; }
    echo "$(files | xargs cat | wc -l) lines, $(files | xargs grep -cE '^ *(Lemma|Theorem|Example) ' |
        awk -F: '{ n += $2 } END { print n }') lemmas, theorems and examples"
}

# Coq's own account of what each headline theorem rests on.
step_axioms() {
    { requires; headlines theorem | while read -r name theorem; do
        echo "Print Assumptions $(module "$name").$theorem."; done; } > Axioms.v
    coqc "${paths[@]}" Axioms.v > axioms.log 2>&1 || { tail -5 axioms.log >&2; die 'a theorem is missing'; }
    local all closed
    all=$(headlines theorem | wc -l)
    closed=$(grep -c '^Closed under the global context$' axioms.log || true)
    [ "$all" = "$closed" ] || { grep -v '^Closed' axioms.log >&2 || true; die "only $closed of $all theorems are closed"; }
    echo "$closed theorems are closed under the global context"
}

# The compiled files are checked again by Coq's independent checker.
step_coqchk() {
    coqchk -silent -o "${paths[@]}" $(files | grep -v Examples | while read -r file; do
        file=${file%.v}; module "${file#*/}"; done) > coqchk.log 2>&1 || { tail -5 coqchk.log >&2; die 'coqchk fails'; }
    local line
    for line in 'Axioms' 'type-in-type' 'unsafe (co)fixpoints' 'positivity'; do
        grep -F "$line" coqchk.log | grep -q '<none>' || { cat coqchk.log >&2; die "coqchk: $line"; }
    done
    echo 'no axioms'
}

# What the theorems say is what is pinned.
step_statements() {
    { echo 'Set Printing Width 100.'; requires
      headlines theorem | while read -r name theorem; do echo "Check $(module "$name").$theorem."; done
      headlines define | while read -r name word; do echo "Print $(module "$name").$word."; done; } > Statements.v
    coqc "${paths[@]}" Statements.v > print.log 2>&1 || { tail -5 print.log >&2; die 'a statement is missing'; }
    sed 's/ *$//' print.log > statements.log
    [ "$bless" = no ] || cp statements.log STATEMENTS.txt
    diff STATEMENTS.txt statements.log >&2 || die 'a statement differs from STATEMENTS.txt'
    echo "$(wc -l < STATEMENTS.txt) lines"
}

# Each theorem has an example in which the thing really happens.
step_examples() {
    local name theorem missing=()
    while read -r name theorem; do
        grep -qE "^Example ${theorem}_happens\b" thm/*.v || missing+=("${theorem}_happens")
    done < <(headlines theorem)
    [ ${#missing[@]} = 0 ] || die "no example: ${missing[*]}"
    echo "one for each of $(headlines theorem | wc -l) theorems"
}

# The model that the Rust tests read is extracted from these sources.
step_extraction() {
    coqc "${paths[@]}" Extract.v > extract.log 2>&1 || { tail -5 extract.log >&2; die 'Extract.v does not compile'; }
    python3 compact.py < model.json > model.compact
    [ "$bless" = no ] || cp model.compact extracted/model.json
    cmp model.compact extracted/model.json >&2 || die 'extracted/model.json is stale'
    echo "$(wc -c < extracted/model.json) bytes"
}

# Coq's own kernel accepts the golden traces that the Rust tests were held against, and not one of
# them once an answer or a line is changed.
step_certificates() {
    local file name tampered
    for file in "$certificates"/*.v; do
        name=$(basename "$file" .v)
        tampered=$name"_tampered"
        cp "$file" "$name.v"
        coqc "${paths[@]}" "$name.v" > cert.log 2>&1 || { tail -5 cert.log >&2; die "$name.v: refused"; }
        sed '/Qed/q' "$name.v" | sed '0,/TurnReady/s//TurnIdle/; 0,/Line 0 1/s//Line 0 2/' > "$tampered.v"
        ! coqc "${paths[@]}" "$tampered.v" > cert.log 2>&1 || die "$tampered.v: accepted"
        grep -q 'Unable to unify' cert.log || { cat cert.log >&2; die "$tampered.v: another error"; }
        echo "$(grep -c '^Goal' "$name.v") goals of $name.v are proved, a changed one is refused"
    done
}

# A check that cannot turn red is none.
step_neg() { python3 -B "$here/neg/run.py" "$PWD"; }

# A changed kernel makes a theorem false.
step_mutants() { python3 -B "$here/mutants/run.py" "$PWD"; }

# * The run

run() {
    local step begin code
    for step in "$@"; do
        begin=$(date +%s.%N)
        set +e
        (set -e; "step_$step") > "$step.out"
        code=$?
        set -e
        [ "$code" = 0 ] || { cat "$step.out" >&2; die "RED  $step"; }
        printf 'ok %6.1f s  %-10s %s\n' "$(date +%s.%N | awk -v b="$begin" '{ print $1 - b }')" \
            "$step" "$(tail -1 "$step.out")"
        sed '$d' "$step.out" | sed 's/^/    /'
    done
}

if [ "${1:-}" = --in ]; then
    cd "$2"
    shift 2
    run "$@"
    exit
fi
case "${1:-}" in
    '') ;;
    --bless) bless=yes ;;
    --certificates) certificates=$(cd "$2" && pwd) ;;
    *) die 'usage: check.sh [--bless | --certificates DIR]' ;;
esac

work=$(mktemp -d)
checker=
trap '[ -z "$checker" ] || kill -- "-$checker" 2> /dev/null; rm -rf "$work"' EXIT
cd "$here"
tar -c --exclude='*.vo*' --exclude='*.glob' --exclude='.*.aux' _CoqProject theorems.txt Extract.v compact.py \
    STATEMENTS.txt extracted spec thm | tar -x -C "$work"
cd "$work"
run coq text compile
# The slow one runs beside the others.
set -m
run coqchk > coqchk.line 2>&1 &
checker=$!
set +m
run axioms examples statements extraction ${certificates:+certificates} neg mutants
wait "$checker" || { cat coqchk.line >&2; exit 1; }
checker=
cat coqchk.line
if [ "$bless" = yes ]; then
    cp STATEMENTS.txt "$here/STATEMENTS.txt"
    cp extracted/model.json "$here/extracted/model.json"
fi
echo "green: $(headlines theorem | wc -l) theorems, ${SECONDS} s"
