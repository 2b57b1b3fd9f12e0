#!/bin/bash
# Which lines of src/ the fuzzers reach, with what they have found so far
# (build/fuzz/corpus) and with what is in t/fuzz/corpus: for each file, and in all.
# Called by "make fuzz-coverage", which has the fuzzers compiled.
#
#   tools/fuzz-coverage.sh PROGRAM ...      build/fuzz-coverage/fuzz_NAME
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
folder=$top/build/fuzz-coverage
objects=()

for program in "$@"; do
    name=$(basename "$program")
    name=${name#fuzz_}
    corpora=()
    for corpus in "$top/t/fuzz/corpus/$name" "$top/build/fuzz/corpus/$name"; do
        [ ! -d "$corpus" ] || corpora+=("$corpus")
    done
    LLVM_PROFILE_FILE=$folder/$name.profraw "$program" -runs=0 \
        "${corpora[@]}" > "$folder/$name.log" 2>&1 ||
        { tail -n 20 "$folder/$name.log" >&2; exit 1; }
    objects+=(-object "$program")
done

llvm-profdata merge -o "$folder/all.profdata" "$folder"/*.profraw
llvm-cov report "${objects[@]}" -instr-profile "$folder/all.profdata" \
    -show-region-summary=false -show-branch-summary=false \
    -ignore-filename-regex='/t/fuzz/|/nginx-source/|/usr/' |
    tee "$folder/report.txt" |
    awk 'NF { print }'
