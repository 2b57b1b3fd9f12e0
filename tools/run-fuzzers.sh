#!/bin/bash
# Runs each libFuzzer program for a while, as many at once as there are processors,
# and stops at the first finding.
#
#   tools/run-fuzzers.sh SECONDS PROGRAM ...
#
# The corpus of build/fuzz/fuzz_NAME is t/fuzz/corpus/NAME, which is only read,
# and build/fuzz/corpus/NAME, where it grows.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)

# run SECONDS PROGRAM
run() {
    local name=${2##*/} corpora
    corpora=("$top/build/fuzz/corpus/${name#fuzz_}")
    mkdir -p "${corpora[0]}"
    if [ -d "$top/t/fuzz/corpus/${name#fuzz_}" ]; then
        corpora+=("$top/t/fuzz/corpus/${name#fuzz_}")
    fi
    if ! "$2" -max_total_time="$1" -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$top/build/fuzz/$name-" "${corpora[@]}" > "$2.log" 2>&1
    then
        tail -n 60 "$2.log"
        echo "$name found something; the input is in build/fuzz/$name-*" >&2
        # xargs starts no other one then
        return 255
    fi
    sed -n "s/^stat::number_of_executed_units: */$name for $1 s, executions: /p" "$2.log"
}

if [ "${1:-}" = one ]; then
    run "$2" "$3"
    exit
fi

seconds=$1
shift
[ $# -gt 0 ] || { echo "run-fuzzers.sh: no fuzzers" >&2; exit 1; }
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 "$0" one "$seconds"
echo "no fuzzer found anything"
