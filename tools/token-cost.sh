#!/bin/bash
# What one bad token costs: instructions (callgrind) and microseconds of CPU, for
# numbers of keys, ways to name one, and sizes of claims.
#
#   tools/token-cost.sh [FOLDER]
#
# FOLDER is another checkout of this project, to compare with; LibJWT is always
# this one's.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
tree=$(cd "${1:-$top}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

libjwt=${LIBJWT_PREFIX:-$top/build/libjwt}

build() {
    local includes=("$tree"/src/protocol/*/)

    gcc -std=gnu11 -g -O2 "${includes[@]/#/-I}" -isystem "$libjwt/include" \
        -o "$work/token-cost" "$top/tools/token-cost.c" \
        "$tree"/src/protocol/*/*.c "$libjwt/lib/libjwt.a" -ljansson -lcrypto -lm
}

# instructions of one verification
count() {
    valgrind --tool=callgrind --toggle-collect=cost_measured \
        --callgrind-out-file=/dev/null "$work/token-cost" "$@" 1 2>&1 |
        awk '/Collected/ { print $NF }'
}

row() {
    printf '| %s | %s | %s | %s | %s | %s |\n' "$@" "$(count "$@")" \
        "$("$work/token-cost" "$@" 10)"
}

build

echo '| alg | keys | kid of the token | bytes of claims | instructions | µs |'
echo '|---|---|---|---|---|---|'

for keys in 1 10 100 500; do
    row RS256 "$keys" none 300
    row RS256 "$keys" unknown 300
    row RS256 "$keys" known 300
    row RS256 "$keys" none 7000
    row RS256 "$keys" none 30000
    row ES256 "$keys" none 300
done
