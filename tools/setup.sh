#!/bin/bash
# Installs what is missing to build the module, to make a package of it, to show it
# too, to test it too, to have linters read it as well, to see what the tests reach,
# or to speak HTTP/3, on Debian 12 or newer.
#
#   tools/setup.sh [build|deb|demo|test|bench|lint|coverage|http3]  (build, where nothing is said)
#
# Packages come from the system's own apt, as root or with sudo. What they lack
# comes through tools/apt-fetch.sh: Jansson as a static library for a module,
# built from this release's source into build/libjansson; from Debian unstable
# LibJWT 3.3.3 or newer, built from source into build/libjwt, and, to test, the
# package libtest-nginx-perl. Where nothing is missing nothing is done, and
# neither root nor a network is needed.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
what=
missing=

say() {
    echo "setup: $*"
}

die() {
    echo "setup: $*" >&2
    exit 1
}

# want_*: note the Debian package given first, unless what follows is there

want_command() {
    command -v "$2" > /dev/null || missing="$missing $1"
}

want_library() {
    pkg-config --exists "$2" 2> /dev/null || missing="$missing $1"
}

want_file() {
    [ -e "$2" ] || missing="$missing $1"
}

# looks through Perl's folders itself: loading the module would take longer
have_perl() {
    perl -e 'for my $d (@INC) { exit 0 if -e "$d/$ARGV[0]" } exit 1' "$1" \
        2> /dev/null
}

want_perl() {
    have_perl "$2" || missing="$missing $1"
}

# what has no file that would be of use by itself
want_package() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ] ||
        missing="$missing $1"
}

want_build() {
    want_command gcc gcc
    want_file libc6-dev /usr/include/stdlib.h
    want_command make make
    want_command pkg-config pkg-config
    want_command openssl openssl
    want_command perl pod2man
    PATH=$PATH:/usr/sbin want_command nginx nginx
    want_file nginx-dev "${NGINX_SRC:-/usr/share/nginx/src}/configure"
    want_library libjansson-dev jansson
    want_library libhiredis-dev hiredis
    want_library libssl-dev libcrypto
    want_library libpcre2-dev libpcre2-8
    want_library zlib1g-dev zlib
    if ! have_libjansson || ! have_libjwt; then
        want_command cmake cmake
        want_command dpkg-dev dpkg-source
        want_file debian-archive-keyring \
            /usr/share/keyrings/debian-archive-keyring.gpg
    fi
}

want_deb() {
    want_package build-essential
    want_command debhelper dh
    want_command dpkg-dev dpkg-buildpackage
    want_file dh-sequence-nginx /usr/share/perl5/Debian/Debhelper/Sequence/nginx.pm
    want_command lintian lintian
    want_command pandoc pandoc
}

want_demo() {
    want_command redis-server redis-server
    want_command redis-tools redis-cli
    want_command curl curl
    want_perl libcrypt-jwt-perl Crypt/JWT.pm
}

want_test() {
    want_demo
    want_library libcmocka-dev cmocka
    want_command clang clang
    want_clang_runtime
    want_command valgrind valgrind
    want_file libc6-dbg /usr/share/doc/libc6-dbg
    want_command procps ps
    want_command psmisc fuser
    want_command perl prove
    want_perl libcryptx-perl CryptX.pm
    want_perl libio-socket-ssl-perl IO/Socket/SSL.pm
    want_command nodejs node
    want_command npm npm
    want_command binutils nm
    want_command prometheus promtool
    want_command libxml2-utils xmllint
    want_command gdb gdb
    want_file python3 /usr/bin/python3
    want_file python3-jwcrypto /usr/lib/python3/dist-packages/jwcrypto
    want_neighbours
}

want_bench() {
    want_test
    want_command wrk wrk
    want_command gnuplot-nox gnuplot
    want_package lua-cjson
    want_package libnginx-mod-http-lua
}

want_coverage() {
    want_test
    want_command gcovr gcovr
}

# QUIC for a client, under the name that Debian 12 has it by
want_http3() {
    want_test
    want_command golang-go go
    want_file golang-github-lucas-clemente-quic-go-dev \
        /usr/share/gocode/src/github.com/lucas-clemente/quic-go/http3
}

want_lint() {
    want_test
    want_command clang-tidy clang-tidy
    want_command cppcheck cppcheck
    want_command shellcheck shellcheck
    want_command libperl-critic-perl perlcritic
    want_command codespell codespell
    want_command git git
}

# nginx's other modules, beside which the module has to work: nginx-extras brings
# what Debian takes to be all of them, and these are the rest.
want_neighbours() {
    local name
    want_package nginx-extras
    for name in js lua memc modsecurity perl set-misc srcache-filter; do
        want_package "libnginx-mod-http-$name"
    done
}

# the sanitizers and libFuzzer, a package of their own
want_clang_runtime() {
    local library
    library=$(clang -print-runtime-dir 2> /dev/null || :)
    if [ -z "$(find "${library%/*}" -name 'libclang_rt.fuzzer*' 2> /dev/null)" ]
    then
        missing="$missing libclang-rt-dev"
    fi
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo "$@"
    else
        die "root or sudo is needed to install packages"
    fi
}

# Installing a server must not leave it running: what this machine serves is its
# owner's choice. Debian's way to say so is policy-rc.d, which forbids a package
# to start its service; where the owner has one already, it decides. A service
# that this installation brought is also not enabled for the next boot; those
# that were there before are left alone.

policy=/usr/sbin/policy-rc.d
services="nginx redis-server prometheus"
new_services=
own_policy=

forbid_start() {
    local service
    new_services=
    for service in $services; do
        if [ ! -e "/lib/systemd/system/$service.service" ]; then
            new_services="$new_services $service"
        fi
    done
    if [ ! -e "$policy" ]; then
        own_policy=yes
        trap allow_start EXIT
        trap 'exit 1' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" > /dev/null
        as_root chmod 755 "$policy"
    fi
}

allow_start() {
    if [ -n "$own_policy" ]; then
        own_policy=
        as_root rm -f "$policy"
    fi
}

disable_new_services() {
    local service
    for service in $new_services; do
        [ -e "/lib/systemd/system/$service.service" ] || continue
        if command -v systemctl > /dev/null; then
            as_root systemctl -q disable "$service.service" 2> /dev/null || :
        elif command -v deb-systemd-helper > /dev/null; then
            # it wants to be told the package whose scripts it acts for
            as_root env DPKG_MAINTSCRIPT_PACKAGE="$service" \
                deb-systemd-helper disable "$service.service" > /dev/null || :
        fi
        if command -v update-rc.d > /dev/null; then
            as_root update-rc.d "$service" disable > /dev/null || :
        fi
        say "installed $service; its service is neither started nor enabled"
    done
}

# install PACKAGE|FILE ...
install() {
    local apt='apt-get -qq -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3'
    say "installing $*"
    # A source that fails, perhaps one that has nothing to do with Debian, is
    # no reason to stop: the installation tells whether anything is missing.
    # shellcheck disable=SC2086
    as_root $apt update || say "apt-get update failed in part"
    forbid_start
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive $apt -o Dpkg::Use-Pty=0 \
        install --no-install-recommends "$@" > /dev/null
    allow_start
    disable_new_services
}

# Where the system has one of these as a static library, it is not compiled to be
# part of a module. One that was built otherwise than it is today is built anew.
have_libjansson() {
    [ -n "${JANSSON_PREFIX:-}" ] || {
        [ -f "$top/build/libjansson/lib/libjansson.a" ] &&
            cat "$top/tools/libjansson.sh" "$top/tools/libjansson-profile.c" |
            cmp -s - "$top/build/libjansson/RECIPE"
    }
}

# one that is too old is built anew
have_libjwt() {
    local version
    [ -n "${LIBJWT_PREFIX:-}" ] || {
        [ -f "$top/build/libjwt/lib/libjwt.a" ] &&
            version=$(cat "$top/build/libjwt/VERSION" 2> /dev/null) &&
            dpkg --compare-versions "${version##*-}" ge 3.3.3
    }
}

have_test_nginx() {
    have_perl Test/Nginx/Socket.pm
}

# A package without a binary of its own, so that the one in unstable fits every
# release; what it depends on comes from the system's apt.
install_test_nginx() {
    local folder=$top/build/test-nginx
    rm -rf "$folder"
    "$top/tools/apt-fetch.sh" sid deb libtest-nginx-perl "$folder"
    install "$folder"/libtest-nginx-perl_*.deb
    rm -rf "$folder"
}

# What tests take from npm, the versions of a lock file each: a real OpenID provider
# and another library for JWE from t/oidc, what lints OpenAPI and validates by it
# from t/openapi, what makes a client of it from t/client. None of the packages runs
# a script of its own: they are told not to.
npm_folders="client oidc openapi"

have_npm() {
    local name
    for name in $npm_folders; do
        cmp -s "$top/t/$name/package-lock.json" "$top/build/$name/installed" ||
            return
    done
}

install_npm() {
    local name folder
    for name in $npm_folders; do
        folder=$top/build/$name
        ! cmp -s "$top/t/$name/package-lock.json" "$folder/installed" || continue
        say "installing from npm what t/$name/package.json names into build/$name"
        rm -rf "$folder"
        mkdir -p "$folder"
        cp "$top/t/$name/package.json" "$top/t/$name/package-lock.json" "$folder/"
        npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund \
            --loglevel=error > "$folder.log" 2>&1 || {
            tail -n 20 "$folder.log" >&2
            die "npm could not install what t/$name/package.json names"
        }
        cp "$folder/package-lock.json" "$folder/installed"
    done
}

# are they run, too?
tests() {
    case $what in
        test | lint | coverage | http3) ;;
        *) return 1 ;;
    esac
}

complete() {
    missing=
    want_build
    case $what in
        deb) want_deb ;;
        demo) want_demo ;;
        test) want_test ;;
        bench) want_bench ;;
        lint) want_lint ;;
        coverage) want_coverage ;;
        http3) want_http3 ;;
    esac
    [ -z "$missing" ] && have_libjansson && have_libjwt &&
        { ! tests || { have_test_nginx && have_npm; }; }
}

main() {
    what=${1:-build}
    case $what in
        build | deb | demo | test | bench | lint | coverage | http3) ;;
        *) die "usage: tools/setup.sh [build|deb|demo|test|bench|lint|coverage|http3]" ;;
    esac
    ! complete || return 0
    command -v apt-get > /dev/null ||
        die "missing, and without Debian's apt for you to install:$missing"

    # "make -j" may have several of these run at once
    mkdir -p "$top/build"
    exec 9> "$top/build/setup.lock"
    flock 9
    ! complete || return 0

    # shellcheck disable=SC2086
    [ -z "$missing" ] || install $missing
    have_libjansson || "$top/tools/libjansson.sh"
    have_libjwt || "$top/tools/libjwt.sh"
    if tests; then
        have_test_nginx || install_test_nginx
        have_npm || install_npm
    fi
    complete || die "still missing:$missing"
}

main "$@"
