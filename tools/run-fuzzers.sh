#!/bin/sh
# Runs each libFuzzer program for a while, and stops at the first finding.
#
#   tools/run-fuzzers.sh SECONDS PROGRAM ...
#
# The corpus of build/fuzz/fuzz_NAME is t/fuzz/corpus/NAME, which is only read,
# and build/fuzz/corpus/NAME, where it grows.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
seconds=$1
shift
[ $# -gt 0 ] || { echo "run-fuzzers.sh: no fuzzers" >&2; exit 1; }

for program in "$@"; do
    name=$(basename "$program")
    grown=$top/build/fuzz/corpus/${name#fuzz_}
    given=$top/t/fuzz/corpus/${name#fuzz_}
    mkdir -p "$grown"
    [ -d "$given" ] || given=
    echo "$name for $seconds s"
    # $given is one word or none
    if ! "$program" -max_total_time="$seconds" -timeout=10 \
        -print_final_stats=1 -artifact_prefix="$top/build/fuzz/$name-" \
        "$grown" ${given:+"$given"} > "$program.log" 2>&1
    then
        tail -n 60 "$program.log"
        echo "$name found something; the input is in build/fuzz/$name-*" >&2
        exit 1
    fi
    sed -n 's/^stat::number_of_executed_units: */  executions: /p' "$program.log"
done
echo "no fuzzer found anything"
