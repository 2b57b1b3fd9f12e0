# Which static libraries "config" would take, for the scripts that ask whether
# nginx's configure has to run again: to be sourced, with $top set.
# shellcheck shell=bash

# library NAME PREFIX: where it is looked for, and what is there now
library() {
    local prefix=${2:-$top/build/$1} file
    for file in "$prefix/lib/$1.a" "$prefix"/include/*.h; do
        [ ! -f "$file" ] || cksum "$file"
    done
    echo "$1 in $prefix"
}

libraries() {
    # shellcheck disable=SC2154
    library libjansson "${JANSSON_PREFIX:-}"
    library libhiredis "${HIREDIS_PREFIX:-}"
    library libjwt "${LIBJWT_PREFIX:-}"
}
