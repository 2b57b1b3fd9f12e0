#!/bin/bash
# Which lines and branches of src/ the unit tests and the suite run, counted by
# gcc and told by gcovr.
#
#   tools/coverage.sh [-j JOBS] [t/NAME.t ...]
#
# "make coverage" has built build/unit-coverage before. Fewer than $least percent of the lines is a failure. What was not run stands in
# build/coverage/index.html, line by line.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
folder=$top/build/coverage
units=$top/build/unit-coverage
least=93
jobs=2

die() {
    echo "coverage.sh: $*" >&2
    exit 1
}

# Each process adds its counts to the files when it ends, whichever user it is.
# With -O1, which the build's _FORTIFY_SOURCE needs, a line is still a line.
build_module() {
    CFLAGS="--coverage -fprofile-abs-path -ffile-prefix-map=$top=$top -O1 -fno-inline \
-Wno-error" LDFLAGS=--coverage \
        "$top/tools/build-module.sh" "$folder/module"
    find "$folder/module" -type d -exec chmod 1777 {} +
}

# counts of the run before, and of a file that is no more
forget() {
    find "$folder" "$units" -name '*.gcda' -delete
}

run_units() {
    local program
    for program in "$top"/t/unit/test_*.c; do
        program=$units/$(basename "$program" .c)
        "$program" > "$program.log" 2>&1 || {
            tail -n 20 "$program.log"
            return 1
        }
    done
}

# Two tests are about what the module takes from others and what it asks memory
# for, which is not what it is when gcc's counting is in it.
# Master and worker write the same files, one as root and one not.
run_suite() {
    local file tests=()
    for file in "$@"; do
        case $file in
            */neighbours.t | */memory-configuration.t) ;;
            *) tests+=("$file") ;;
        esac
    done
    (
        umask 0
        SEAL_KM_MODULE=$folder/module/ngx_http_seal_km_module.so \
            "$top/tools/run-suite.sh" -j "$jobs" "${tests[@]}"
    )
}

report() {
    cd "$top"
    gcovr --root "$top" --filter src/ --filter ngx_http_seal_km_module.c \
        --exclude-unreachable-branches --exclude-throw-branches \
        --gcov-ignore-parse-errors \
        --txt "$folder/coverage.txt" --html-details "$folder/index.html" \
        --branches --print-summary --fail-under-line "$least" \
        "$folder/module" "$units"
}

main() {
    local option status=0
    while getopts j: option; do
        case $option in
            j) jobs=$OPTARG ;;
            *) die "usage: coverage.sh [-j JOBS] [t/NAME.t ...]" ;;
        esac
    done
    shift $((OPTIND - 1))

    mkdir -p "$folder"
    build_module
    forget
    run_units || status=1
    run_suite "$@" || status=1
    report || status=1
    return $status
}

main "$@"
