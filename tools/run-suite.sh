#!/bin/bash
# Runs the tests of t/, which drive a real nginx, and prints prove's summary
# last.
#
#   tools/run-suite.sh [-j JOBS] [-m plain|valgrind|asan] [t/NAME.t ...]
#
#   plain      the installed nginx with build/ngx_http_seal_km_module.so
#   valgrind   the same under valgrind; what it reports of the module fails
#   asan       the nginx of tools/build-nginx.sh asan; likewise
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
suite=
reports=
jobs=1
mode=plain

die() {
    echo "run-suite.sh: $*" >&2
    exit 1
}

# Test::Nginx makes its folders in t/ of the current folder. So that the source
# tree is left alone, and that several of these may run at once, that is a new
# folder of links.
make_folder() {
    suite=$(mktemp -d "$top/build/suite.XXXXXX")
    trap 'rm -rf "$suite"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' HUP TERM
    # for a worker, which is another user where root starts nginx
    chmod 755 "$suite"
    mkdir "$suite/t"
    ln -s "$top"/t/* "$suite/t/"
    rm -f "$suite"/t/servroot*
    ln -s "$top/build" "$suite/build"
    cd "$suite"
}

# The reports of one run at a time.
make_reports_folder() {
    exec 9> "$reports.lock"
    flock 9
    rm -rf "$reports"
    mkdir -p "$reports"
    chmod 1777 "$reports"
}

# Test files run at once, each with a port and a folder of its own: that is
# Test::Nginx's "randomize".
set_environment() {
    export PATH="$PATH:/usr/sbin"
    export TEST_NGINX_RANDOMIZE=1
    # how long it waits for nginx to end before it kills it
    export TEST_NGINX_TIMEOUT=30
    export SEAL_KM_TEST_CACHE="${SEAL_KM_TEST_CACHE:-$top/build/test-keys}"
    export PERL5LIB="$top/t/lib${PERL5LIB:+:$PERL5LIB}"
    export SEAL_KM_MODULE="${SEAL_KM_MODULE:-$top/build/ngx_http_seal_km_module.so}"
    export TEST_NGINX_BINARY="${TEST_NGINX_BINARY:-$(command -v nginx)}"
    unset TEST_NGINX_USE_VALGRIND TEST_NGINX_LOAD_MODULES TEST_NGINX_USE_HUP
}

# --gen-suppressions prints each report in the form that t/valgrind.suppress
# takes; the log of each process of nginx's is a file of its own.
set_valgrind() {
    local suppress=$top/t/valgrind.suppress
    reports=$top/build/valgrind
    TEST_NGINX_USE_VALGRIND="--leak-check=full --show-leak-kinds=definite \
--errors-for-leak-kinds=definite --num-callers=50 --keep-debuginfo=yes \
--gen-suppressions=all --log-file=$reports/nginx.%p"
    if [ -f "$suppress" ]; then
        TEST_NGINX_USE_VALGRIND+=" --suppressions=$suppress"
    fi
    export TEST_NGINX_USE_VALGRIND
    # what takes long is waited for in t/lib/SealKM.pm
    export TEST_NGINX_SLEEP=0.1
}

set_asan() {
    reports=$top/build/asan/reports
    export TEST_NGINX_BINARY=$top/build/asan/nginx
    export SEAL_KM_MODULE=none
    [ -x "$TEST_NGINX_BINARY" ] || die "tools/build-nginx.sh asan comes first"
}

# "nginx -t" ends without freeing the configuration, which no longer is anyone's
# then: such a report names each allocation there is, that of the cycle's pool
# among them.
is_end_of_check() {
    awk '/ in ngx_create_pool / { pool = 1; next }
         pool && / in ngx_init_cycle / { found = 1 }
         { pool = 0 }
         END { exit !found }' "$1"
}

# Undefined behaviour is a line each time: each place once. Of the other reports
# the first few.
show_reports() {
    local other
    { grep -h 'seal_km.*runtime error' "$@" || :; } | sort | uniq -c
    other=$(grep -l '^==' "$@" | head -n 5 || :)
    # shellcheck disable=SC2086
    [ -z "$other" ] || head -n 100 $other
}

# Fails if a report has to do with the module, or tells of memory misused, by
# whomever. nginx itself has a few leaks and such, which are left in the folder.
check_reports() {
    local file bad=()
    while read -r file; do
        is_end_of_check "$file" || bad+=("$file")
    done < <(grep -l -r -e seal_km -e 'ERROR: AddressSanitizer:' \
                 -e 'Invalid \(read\|write\|free\)' "$reports")

    if [ ${#bad[@]} -gt 0 ]; then
        show_reports "${bad[@]}"
        echo "$mode: ${#bad[@]} reports name the module, in $reports"
        return 1
    fi
    echo "$mode: no report names the module"
}

# nginx warns of keys and such that tests give it on purpose, on the terminal
# too; tests that expect or forbid warnings read them from the log.
prove_all() {
    {
        prove --timer "$@" 2>&1 9>&- || return 1
    } | grep --line-buffered -v '^nginx: \[warn\]'
}

# What promises times of a whole fleet of Redis servers comes after the others, at
# most two at once: they wait most of the time. In each part, those that take
# longest begin first: what the rest does fits into their time.
sort_tests() {
    local file first=() then=()
    for file in "$@"; do
        case $file in
            *redis-cluster.t | *redis-sentinel.t)
                fleets=("$file" "${fleets[@]}") ;;
            *redis-cluster*.t | *redis-reload*.t | *redis-sentinel*.t | \
            *redis-stall.t | *redis-stress.t)
                fleets+=("$file") ;;
            *redis-unused.t | *jwks-request.t | *inheritance.t | *body.t)
                first+=("$file") ;;
            *)
                then+=("$file") ;;
        esac
    done
    together=("${first[@]}" "${then[@]}")
}

run_tests() {
    local status=0 together=() fleets=()
    sort_tests "$@"
    if [ ${#together[@]} -gt 0 ]; then
        prove_all -j "$jobs" "${together[@]}" || status=1
    fi
    if [ ${#fleets[@]} -gt 0 ]; then
        prove_all -j "$((jobs > 2 ? 2 : jobs))" "${fleets[@]}" || status=1
    fi
    return $status
}

main() {
    local option status=0
    while getopts j:m: option; do
        case $option in
            j) jobs=$OPTARG ;;
            m) mode=$OPTARG ;;
            *) die "usage: run-suite.sh [-j JOBS] [-m MODE] [t/NAME.t ...]" ;;
        esac
    done
    shift $((OPTIND - 1))

    set_environment
    case $mode in
        plain) ;;
        valgrind) set_valgrind ;;
        asan) set_asan ;;
        *) die "no such mode: $mode" ;;
    esac
    [ -z "$reports" ] || make_reports_folder
    make_folder
    [ $# -gt 0 ] || set -- t/*.t

    run_tests "$@" || status=1
    if [ -n "$reports" ]; then
        check_reports || status=1
    fi
    return $status
}

main "$@"
