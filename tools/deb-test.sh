#!/bin/bash
# Builds the Debian package on bare Debians of their own, installs it on others, and
# does there what its README.Debian says, command by command, up to an answered
# request; then remove and purge, after which nothing is left. Has AppArmor, systemd
# and docker-compose read the examples that are theirs.
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
    say "$1: examples"
    check_examples "$root"
    chroot_keep "$root"
    rm -rf "$root"
}

# What nginx does not read, whoever reads it has to take without a remark.
check_examples() {
    chroot_install "$1" apparmor docker-compose nginx systemd
    # shellcheck disable=SC2016
    chroot_run -n "$1" bash -euc '
        remarks() {
            ! grep . || { echo "deb-test: $1" >&2; exit 1; }
        }
        examples=/src/tools/debian/examples
        unit=/etc/systemd/system/nginx.service.d

        apparmor_parser -Q -K "$examples/apparmor" 2>&1 |
            { grep -v "^Cache read/write disabled" || :; } | remarks apparmor

        mkdir -p "$unit"
        cp "$examples/systemd-hardening.conf" "$unit/"
        systemd-analyze verify --man=no nginx.service 2>&1 |
            { grep "$unit" || :; } | remarks systemd-hardening.conf
        systemd-analyze security --offline=true --threshold=30 nginx.service |
            tail -n 1

        cd /src/docs/examples
        for service in skm-s redis sim-s; do
            docker-compose -f compose.yaml config --services 2> /tmp/remarks |
                grep -qx "$service"
        done
        remarks compose.yaml < /tmp/remarks
    '
}

# all that there is, but what programs write while they run
listing() {
    chroot_run "$work/server" sh -c 'find / -xdev -not -path "/tmp/*" \
        -not -path "/var/*" | sort'
}

# install RELEASE: a system with the package, which brings what it needs, and
# with what the page asks for besides
install() {
    local root=$work/server others
    chroot_make "$1" "$root"
    chroot_run "$root" apt-get -qq update
    cp "$work/package.deb" "$root/tmp/${package}.deb"
    cp "$top/tools/debian/trial.sh" "$root/tmp/"
    dpkg-deb --fsys-tarfile "$work/package.deb" |
        tar -xO "./usr/share/doc/$package/README.Debian" > "$root/tmp/README.Debian"

    # these come first, so that it can be seen later what the package has left
    others=$(chroot_run "$root" apt-get -s install "/tmp/${package}.deb" |
                 awk -v p="$package" '$1 == "Inst" && $2 != p { print $2 }')
    # shellcheck disable=SC2086
    chroot_install "$root" $others
    chroot_run "$root" bash /tmp/trial.sh install > "$root.log" 2>&1 ||
        chroot_die "README.Debian asks for packages that cannot be had"
    chroot_keep "$root"
    listing > "$work/before"
    chroot_install "$root" "/tmp/${package}.deb"
}

# Each link of the pages leads to one that is installed.
check_links() {
    # shellcheck disable=SC2016
    chroot_run "$work/server" perl -e '
        my $bad = 0;
        chdir $ARGV[0] or die "$ARGV[0]: $!\n";
        my @pages = (glob("*.md"), glob("docs/*.md"));
        die "no pages\n" if @pages < 20;

        for my $page (@pages) {
            open my $file, "<", $page or die "$page: $!\n";
            my $text = do { local $/; <$file> };
            my ($folder) = $page =~ m{(.*/)?};

            for ($text =~ /\]\(([^()\s#:]+)(?:\#[^()\s]*)?\)/g) {
                next if -e $folder . $_;
                print STDERR "deb-test: $page leads to $_\n";
                $bad++;
            }
        }
        exit !!$bad;' "/usr/share/doc/$package" || chroot_die "links lead nowhere"
}

# Nothing may be left but what is asked for below /var.
check_purged() {
    listing > "$work/after"
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
    install "$1"
    [ -L "$root$enabled" ] || chroot_die "the module is not enabled"
    # the name in braces is dpkg-query's
    # shellcheck disable=SC2016
    chroot_run "$root" dpkg-query -W -f '${Depends}\n' "$package" |
        grep 'nginx-abi-' || chroot_die "it does not depend on an ABI of nginx"
    chroot_run "$root" nginx -t -q
    check_links
    say "$1: what README.Debian says"
    chroot_run -n "$root" bash /tmp/trial.sh
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
    mkdir -p "$top/build"
    [ $# -gt 0 ] || set -- bookworm trixie
    for release in "$@"; do
        work=$(mktemp -d "$top/build/deb-test.XXXXXX")
        trap 'rm -rf "$work"; chroot_give' EXIT
        chmod 755 "$work"
        test_release "$release"
        rm -rf "$work"
    done
}

main "$@"
