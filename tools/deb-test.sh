#!/bin/bash
# Builds the Debian package on bare Debians of their own and follows its
# README.Debian there: install, edit the site, nginx -t, one exchange; then
# remove and purge, after which nothing is left.
#
#   tools/deb-test.sh [RELEASE ...]       (bookworm and trixie by default)
#
# Needs root, debootstrap, git and the network. What is committed is what is built.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
package=libnginx-mod-http-seal-km
work=

# shellcheck source=tools/chroot.sh
. "$top/tools/chroot.sh"

say() {
    echo "deb-test: $*"
}

# build RELEASE: the package, in $work
build() {
    local root=$work/builder
    chroot_make "$1" "$root"
    chroot_run "$root" apt-get -qq update
    chroot_install "$root" make
    mkdir "$root/src"
    git -C "$top" archive HEAD | tar -C "$root/src" -x
    chroot_run "$root" env \
        SOURCE_DATE_EPOCH="$(git -C "$top" log -1 --format=%ct)" \
        make -C /src deb
    cp "$root"/src/build/deb/"${package}"_*.deb "$work/package.deb"
    chroot_keep "$root"
    rm -rf "$root"
}

# what the steps of tools/debian/exchange.sh need besides
prepare() {
    local root=$work/server
    chroot_make "$1" "$root"
    chroot_run "$root" apt-get -qq update
    chroot_install "$root" nginx redis-server curl openssl libcrypt-jwt-perl
    chroot_keep "$root"
    chroot_run "$root" sh -c 'find / -xdev -not -path "/tmp/*" \
        -not -path "/var/*" | sort' > "$work/before"
    cp "$work/package.deb" "$root/tmp/${package}.deb"
    cp "$top/tools/mint-token.pl" "$top/tools/debian/exchange.sh" "$root/tmp/"
}

# Nothing may be left but what is asked for below /var and what the exchange made.
check_purged() {
    chroot_run "$work/server" sh -c 'find / -xdev -not -path "/tmp/*" \
        -not -path "/var/*" | sort' > "$work/after"
    if ! diff "$work/before" "$work/after" > "$work/left"; then
        cat "$work/left" >&2
        chroot_die "the package has left something, or taken something away"
    fi
}

test_release() {
    local root=$work/server enabled=/etc/nginx/modules-enabled/50-mod-http-seal-km.conf
    say "$1: build"
    build "$1"
    say "$1: install"
    prepare "$1"
    chroot_install "$root" "/tmp/${package}.deb"
    [ -L "$root$enabled" ] || chroot_die "the module is not enabled"
    # the name in braces is dpkg-query's
    # shellcheck disable=SC2016
    chroot_run "$root" dpkg-query -W -f '${Depends}\n' "$package" |
        grep 'nginx-abi-' || chroot_die "it does not depend on an ABI of nginx"
    chroot_run "$root" nginx -t -q
    say "$1: one exchange"
    chroot_run -n "$root" bash /tmp/exchange.sh
    say "$1: remove"
    chroot_run "$root" apt-get -qq -y remove "$package" > "$work/remove.log" 2>&1
    [ ! -e "$root$enabled" ] || chroot_die "the module is still enabled"
    chroot_run "$root" nginx -t -q
    say "$1: purge"
    chroot_run "$root" apt-get -qq -y purge "$package" > "$work/purge.log" 2>&1
    check_purged
    say "$1: all as it should be"
}

main() {
    local release
    chroot_needs
    [ $# -gt 0 ] || set -- bookworm trixie
    for release in "$@"; do
        work=$(mktemp -d "$top/build/deb-test.XXXXXX")
        trap 'rm -rf "$work"' EXIT
        chmod 755 "$work"
        test_release "$release"
        rm -rf "$work"
    done
}

mkdir -p "$top/build"
main "$@"
