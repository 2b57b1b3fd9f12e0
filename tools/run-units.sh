#!/bin/sh
# Runs unit test programs. One that succeeds takes one line; of one that fails, or
# takes more than five minutes, all that it said is shown. Exits with 1 if any
# failed, or if none was given.
set -eu

failed=0
[ $# -gt 0 ] || { echo "run-units.sh: no tests" >&2; exit 1; }

for program in "$@"; do
    log=$program.log
    if timeout 300 "$program" > "$log" 2>&1; then
        passed=$(grep -c '^\[       OK \]' "$log" || :)
        echo "ok      $program ($passed tests)"
    else
        failed=$((failed + 1))
        cat "$log"
        echo "FAILED  $program"
    fi
done

[ "$failed" = 0 ] || { echo "$failed of $# unit test programs failed"; exit 1; }
echo "all $# unit test programs passed"
