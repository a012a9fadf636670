#!/usr/bin/env bash
# Checks models/liveness/executor.pml with SPIN, every interleaving: each property of what happens
# in the end, and that no step does what it must not and nobody is left behind (`steps`). Then
# seeded wrong variants, in each of which the named property must fail. Installs spin and a C
# compiler with apt-get where they are missing.
#
# The properties hold of all runs, also of unfair ones, since nothing spins: that is more than under
# weak fairness, and costs less. What is caught of a variant is a run that is weakly fair. With
# --fair the properties are checked under weak fairness instead.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
depth=100000
fairness=
[ "${1-}" != --fair ] || fairness=-f
export here scratch depth fairness

die() { printf '%s\n' "$@" >&2; exit 1; }

# Makes the checker $1, for the variant $2 if there is one.
build() {
    mkdir "$scratch/$1" && cd "$scratch/$1"
    spin ${2:+-D"$2"} -a "$here/executor.pml" > spin.log 2>&1 || { cat spin.log >&2; return 1; }
    # A wrong variant is soon caught, so it is not optimised.
    cc -w "-O$([ -n "${2-}" ] && echo 0 || echo 2)" -o pan pan.c
}

# Runs the checker $1 for the property $2. What it says is in $1/$2.log.
run() {
    local claim=(-a -N "$2") log="$scratch/$1/$2.log"
    if [ "$2" = steps ]; then
        claim=(-noclaim)
    elif [ "$1" = right ]; then
        claim+=($fairness)
    else
        # The property is to fail, not an assertion that comes before it.
        claim+=(-f -A)
    fi
    cd "$scratch/$1" && ./pan "${claim[@]}" "-m$depth" > "$log" 2>&1 || true
    grep -q 'errors: ' "$log" || die "$1, $2: no result" "$(cat "$log")"
}

numbers() {
    awk '/States=/ { next }
        /depth reached/ { sub(/,/, "", $6); depth = $6 }
        /states, stored/ { states = $1 } / transitions / { moves = $1 }
        /elapsed time/ { seconds = $4 }
        END {
            printf "%d states, %d transitions, depth %d, %s s", states, moves, depth, seconds
        }' "$1"
}

holds() {
    local log="$scratch/right/$1.log"
    run right "$1"
    grep -q 'errors: 0$' "$log" || die "$1 FAILS" "$(cat "$log")"
    if grep -qiE 'max search depth|not completed|truncated|out of memory|memory limit' "$log"; then
        die "$1: the search is not complete" "$(cat "$log")"
    fi
    echo "$1: holds; $(numbers "$log")"
}

fails() {
    build "$1" "$1"
    run "$1" "$2"
    local log="$scratch/$1/$2.log" how='acceptance cycle'
    [ "$2" != steps ] || how='assertion violated'
    grep -q "$how" "$log" || die "$1: not caught by $2" "$(cat "$log")"
    echo "$1: caught by $2, $how; $(numbers "$log")"
}
export -f die build run numbers holds fails

bound() { awk -v name="$1" '$1 == "#define" && $2 == name { print $3 }' "$here/executor.pml"; }

# `command -v` of several is content with one.
if ! { command -v spin && command -v cc; } > /dev/null; then
    root=()
    [ "$(id -u)" = 0 ] || root=(sudo)
    { "${root[@]}" apt-get update && "${root[@]}" apt-get install -y spin gcc; } \
        > "$scratch/apt.log" 2>&1 || die 'no spin or no cc' "$(tail -5 "$scratch/apt.log")"
fi
echo "$(spin -V); $(bound JOBS) jobs of up to $(bound PAUSES) pauses, $(bound WORKERS) workers," \
    "calls from outside: $(bound POSTS)"
build right
each() { xargs -P 2 -L 1 bash -euo pipefail -c "$1"' "$@"' -- || die 'not all is as it should be'; }
each holds <<'END'
ends
results
returned
taken
woken
steps
END
each fails <<'END'
LOOP_NOT_WOKEN woken
FLAG_NOT_SET taken
LENDER_NOT_WOKEN returned
POSTED_TWICE steps
PARKED_SKIPPED ends
END
