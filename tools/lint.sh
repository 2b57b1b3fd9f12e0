#!/bin/bash
# Reads all of the project with the tools that look for faults without running
# anything; each is told in tools/lint/ what it is to look for, and any remark
# fails.
#
#   tools/lint.sh [PART ...]
#
#   gcc         more warnings than the build has, and -fanalyzer
#   clang       more warnings, of the other compiler
#   tidy        clang-tidy
#   cppcheck    cppcheck
#   shell       shellcheck
#   perl        perlcritic
#   spelling    codespell
#
# Without a PART all of them. nginx's own headers are a system's here: what is
# wrong in them is not looked at.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
nginx=${NGINX_SRC:-/usr/share/nginx/src}
cd "$top"

die() {
    echo "lint.sh: $*" >&2
    exit 2
}

# -Wconversion is for src/protocol, which counts bytes that a client sent. nginx's
# own types, ngx_uint_t for a bit and ngx_int_t for a port, would have it complain
# of each assignment elsewhere.
common=(-std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -Wshadow -Wvla
        -Wformat=2 -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes
        -Wold-style-definition -Wredundant-decls -Wimplicit-fallthrough)
counting=(-Wconversion -Wno-sign-conversion)

sources() {
    echo ngx_http_seal_km_module.c
    find src -name '*.c' | sort
}

# The folders of headers: ours by -I, others' by -isystem, and nginx's features as
# its configure found them for the module.
set_includes() {
    local folder
    includes=()
    for folder in core event event/modules os/unix http http/modules http/v2; do
        includes+=(-isystem "$nginx/src/$folder")
    done
    includes+=(-isystem build/nginx-gcc)
    for folder in libjwt libjansson; do
        [ ! -d "build/$folder/include" ] ||
            includes+=(-isystem "build/$folder/include")
    done
    ours=()
    while read -r folder; do
        ours+=(-I "$folder")
    done < <(find src -type d | sort)
}

# each file by itself, as many at once as there are processors; a remark of one does not stop the others
each() {
    xargs -P "$(nproc 2> /dev/null || echo 1)" -n 1 "$@"
}

# gcc 12 takes a bit of an nginx event for one that nobody has set.
lint_gcc() {
    local status=0
    sources | each gcc -c -o /dev/null -O2 -fanalyzer "${common[@]}" \
        -Wno-analyzer-use-of-uninitialized-value -Wlogical-op -Wduplicated-cond \
        "${ours[@]}" "${includes[@]}" || status=1
    sources | grep ^src/protocol/ | each gcc -c -o /dev/null -O2 "${common[@]}" \
        "${counting[@]}" "${ours[@]}" "${includes[@]}" || status=1
    return $status
}

lint_clang() {
    local status=0
    sources | each clang -fsyntax-only "${common[@]}" -Wcomma -Wassign-enum \
        -Wunreachable-code "${ours[@]}" "${includes[@]}" || status=1
    sources | grep ^src/protocol/ | each clang -fsyntax-only "${common[@]}" \
        "${counting[@]}" "${ours[@]}" "${includes[@]}" || status=1
    return $status
}

# on its error output it says how many remarks it left out, which is none
lint_tidy() {
    # shellcheck disable=SC2016
    sources | each bash -c 'clang-tidy --quiet --config-file=tools/lint/clang-tidy \
        "${@: -1}" -- "${@:1:$#-1}" 2> /dev/null' clang-tidy \
        -std=gnu11 "${ours[@]}" "${includes[@]}"
}

lint_cppcheck() {
    cppcheck --quiet --std=c11 --enable=warning,performance,portability \
        --error-exitcode=1 --inline-suppr --suppress=missingInclude \
        -j "$(nproc 2> /dev/null || echo 1)" "${ours[@]}" src ngx_http_seal_km_module.c
}

scripts() {
    local file
    while read -r file; do
        if head -n 1 "$file" | grep -q "^#!.*$1"; then
            echo "$file"
        fi
    done < <(git ls-files tools .ci bench docs)
}

lint_shell() {
    scripts 'sh$' | xargs shellcheck -x
}

lint_perl() {
    { scripts perl; git ls-files 't/*.t' 't/lib/*.pm'; } |
        xargs perlcritic --quiet --profile tools/lint/perlcritic
}

lint_spelling() {
    git ls-files | grep -v -e package-lock -e '^t/fuzz/corpus/' -e '\.svg$' |
        xargs codespell --ignore-words tools/lint/words
}

main() {
    local part failed=
    [ $# -gt 0 ] || set -- gcc clang tidy cppcheck shell perl spelling
    set_includes
    for part in "$@"; do
        declare -F "lint_$part" > /dev/null || die "no such part: $part"
        if "lint_$part"; then
            echo "lint: $part has no remark"
        else
            failed="$failed $part"
        fi
    done
    [ -z "$failed" ] || die "remarks of$failed"
}

main "$@"
