#!/bin/bash
# The module beside each nginx that it is for.
#
#   tools/versions.sh [bookworm|trixie|sid|FOLDER ...]
#
#   bookworm, trixie    a bare Debian of that release, in a chroot: no warning of
#                       either compiler, and the suite (TESTS= chooses some)
#   sid                 compiled with the nginx that Debian unstable has the source
#                       of, which is near mainline: no warning
#   FOLDER              likewise with that source: another release of nginx's, or
#                       one of its kin (Angie, freenginx)
#
# bookworm, trixie and sid where nothing is said. A chroot needs root, debootstrap,
# git and the network; what is committed is what is tried. Each is tried whatever has
# become of the others; what this machine cannot have (no chroot, no source on its
# mirror) is told at the end, and is no failure as long as something was tried.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
work=

# shellcheck source=tools/chroot.sh
. "$top/tools/chroot.sh"

say() {
    echo "versions: $*"
}

# What npm has brought here need not be fetched again: its lock files say that it
# is the same.
share_npm() {
    local name
    for name in client oidc openapi; do
        [ ! -e "$top/build/$name/installed" ] ||
            cp -a "$top/build/$name" "$1/src/build/"
    done
}

# how a part ends that cannot be had
readonly not_here=3

try_release() {
    local root
    (chroot_needs) || exit $not_here
    say "$1: a bare Debian"
    work=$(mktemp -d "$top/build/versions.XXXXXX")
    chmod 755 "$work"
    trap 'rm -rf --one-file-system "$work"; chroot_give' EXIT
    root=$work/$1
    (chroot_base "$1" > "$work/base") || exit $not_here
    chroot_make "$1" "$root"
    chroot_run "$root" apt-get -qq update
    chroot_install "$root" make
    mkdir -p "$root/src/build"
    git -C "$top" archive HEAD | tar -C "$root/src" -x
    share_npm "$root"
    chroot_run "$root" make -C /src warnings
    chroot_run "$root" sh -c 'nginx -v; redis-server --version; openssl version'
    chroot_run "$root" make -C /src suite ${TESTS:+"TESTS=$TESTS"} \
        ${TEST_JOBS:+"TEST_JOBS=$TEST_JOBS"}
    chroot_keep "$root"
}

try_source() {
    say "$1"
    NGINX_SOURCE=$1 "$top/tools/build-nginx.sh" source > /dev/null || exit $not_here
    NGINX_SOURCE=$1 "$top/tools/build-nginx.sh" static
}

try() {
    case $1 in
        sid | */*) try_source "$1" ;;
        *) try_release "$1" ;;
    esac
}

main() {
    local version status passed='' failed='' missing=''
    if [ "${1:-}" = one ]; then
        try "$2"
        return
    fi
    [ $# -gt 0 ] || set -- bookworm trixie sid
    mkdir -p "$top/build"
    for version in "$@"; do
        status=0
        "$0" one "$version" || status=$?
        case $status in
            0) passed="$passed $version" ;;
            "$not_here") missing="$missing $version" ;;
            *) failed="$failed $version" ;;
        esac
    done
    [ -z "$missing" ] || say "this machine cannot have, and has not tried:$missing"
    [ -z "$passed" ] || say "passed:$passed"
    [ -z "$failed" ] || say "failed:$failed"
    [ -z "$failed" ] && [ -n "$passed" ]
}

main "$@"
