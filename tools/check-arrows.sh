#!/bin/bash
# Whether arrows point down only: no file of src/ calls one that stands above it
# (docs/architecture.md has the storeys), and no two call each other in a ring.
# The object files of a build tell who calls whom.
#
#   tools/check-arrows.sh FOLDER          a build of tools/build-module.sh
set -euo pipefail

[ $# = 1 ] || { echo "usage: tools/check-arrows.sh FOLDER" >&2; exit 1; }
objects=$(cd "$1" && pwd)/addon
cd "$(dirname "$0")/.."

# the storeys, from the lowest to the highest
storeys='
src/protocol/base
src/protocol/message
src/protocol/retrieval
src/protocol/record
src/protocol/token
src/redis/connection
src/redis/pool
src/redis
src/redis/topology
src/http/counters
src/http/keys
src/http/conf
src/http/token
src/http/variables
src/http/interface
src/http/operator
src/http'

# FILE FOLDER, of each source
sources() {
    local folder file
    for folder in $storeys; do
        for file in "$folder"/*.c; do
            file=${file##*/}
            echo "${file%.c} $folder"
        done
    done
}

# FILE DEFINES|USES SYMBOL; the module's own structure, by which nginx finds the
# configuration, is no call
symbols() {
    find "$objects" -name '*.o' -exec nm -A -P {} + | awk '
        { file = $1; sub(/.*\//, "", file); sub(/\.o:$/, "", file) }
        $2 == "ngx_http_seal_km_module" || $2 ~ /^ngx_http_seal_km_module_/ { next }
        $3 ~ /^[TDRBC]$/ { print file, "DEFINES", $2 }
        $3 == "U"        { print file, "USES", $2 }'
}

# CALLER CALLEE SYMBOL
calls() {
    symbols | sort -k2,2 | awk '
        $2 == "DEFINES" { by[$3] = $1 }
        $2 == "USES" && ($3 in by) && by[$3] != $1 { print $1, by[$3], $3 }'
}

# src/http/ngx_http_seal_km_ctx.c is what all of src/http/ shares: it stands below
up() {
    awk 'NR == FNR { if (!($2 in storey)) storey[$2] = ++n
                     where[$1] = storey[$2]; next }
         $2 == "ngx_http_seal_km_ctx" || !($1 in where) || !($2 in where) { next }
         where[$2] > where[$1] {
             print $1 " calls " $3 " of " $2 ", which stands above it" }' \
        <(sources) <(echo "$1")
}

status=0
calls=$(calls)
[ -n "$calls" ] || { echo "check-arrows.sh: no object files in $objects"; exit 1; }

above=$(up "$calls")
[ -z "$above" ] || { echo "$above"; status=1; }

# tsort names the members of a ring on its standard error
ring=$(echo "$calls" | awk '{ print $1, $2 }' | sort -u | tsort 2>&1 >/dev/null || :)
[ -z "$ring" ] || { echo "$ring"; status=1; }

exit $status
