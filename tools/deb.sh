#!/bin/bash
# Builds the Debian package libnginx-mod-http-seal-km for the nginx of this
# release, with Debian's own dh_nginx, and has lintian look at it: it must have
# neither errors nor warnings. What comes out is in build/deb.
#
# DEBFULLNAME and DEBEMAIL name the maintainer, as for Debian's other tools;
# SOURCE_DATE_EPOCH is the time of the package, by default that of the last
# commit.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
package=libnginx-mod-http-seal-km
out=$top/build/deb
tree=$out/source

die() {
    echo "deb.sh: $*" >&2
    exit 1
}

# the number of seal_km_info, and which release of Debian's it is for: one
# package cannot be for two, whose nginx differ
version() {
    local release
    release=$(sed -n 's/^#define NGX_HTTP_SEAL_KM_RELEASE *"\(.*\)"/\1/p' \
                  "$top/src/http/ngx_http_seal_km.h")
    [ -n "$release" ] || die "no NGX_HTTP_SEAL_KM_RELEASE"
    # shellcheck disable=SC1091
    . /etc/os-release
    echo "$release+deb${VERSION_ID:-sid}u1"
}

# as_license NAME FILE: a paragraph of a copyright file
as_license() {
    echo
    echo "License: $1"
    sed -e 's/[[:space:]]*$//' -e 's/^$/./' -e 's/^/ /'
}

# What is linked in has terms of its own, and they come with it.
write_copyright() {
    sed -i "s|^Copyright: .* Petri Lehtinen .*|$(
        sed -n '1s/Copyright (c)/Copyright:/p' "$JANSSON_PREFIX/LICENSE")|" \
        "$tree/debian/copyright"
    {
        as_license BSD-2-Clause < <(sed 1,2d "$top/LICENSE")
        as_license Expat < <(sed 1,2d "${JANSSON_PREFIX}/LICENSE")
        as_license BSD-3-Clause < <(
            sed -n '/^License: BSD-3-Clause$/h; H; ${ g; p }' \
                /usr/share/doc/libhiredis-dev/copyright |
                sed -n '/^ Redistribution/,$ s/^ //p' | sed 's/^\.$//')
        as_license MPL-2.0 <<END
The whole text is in /usr/share/common-licenses/MPL-2.0 on Debian.
END
    } >> "$tree/debian/copyright"
}

write_changelog() {
    local when=${SOURCE_DATE_EPOCH:-}
    [ -n "$when" ] || when=$(git -C "$top" log -1 --format=%ct 2> /dev/null) ||
        when=$(date +%s)
    cat > "$tree/debian/changelog" <<END
$package ($1) unstable; urgency=medium

  * What CHANGELOG.md tells, built for the nginx of this release.

 -- $2  $(date -u -R -d "@$when")
END
}

# number FOLDER: of "jansson-2.14" the 2.14
number() {
    sed 's/.*-//' "$1/VERSION" 2> /dev/null || echo unknown
}

# The pages that are installed. What is not among them, such as tests, no link of
# theirs leads to.
write_pages() {
    mkdir "$tree/pages"
    cp -r "$top/README.md" "$top/CHANGELOG.md" "$top/SECURITY.md" "$top/docs" \
        "$tree/pages/"
    # what compose wants is in the source tree
    rm -r "$tree"/pages/docs/examples/compose*
    (
        cd "$tree/pages"
        for page in *.md docs/*.md; do
            perl -0777 -pi -e '
                my ($folder) = $ARGV =~ m{(.*/)?};
                s{(?<!!)\[([^\[\]]*)\]\(([^()\s#:]+)(\#[^()\s]*)?\)}
                 { -e "$folder$2" ? $& : $1 }ge' "$page"
        done
    )
}

write_tree() {
    local maintainer
    maintainer="${DEBFULLNAME:-SEAL KM for nginx} <${DEBEMAIL:-seal-km@example.org}>"
    rm -rf "$out"
    mkdir -p "$tree/tools"
    cp -r "$top/config" "$top/ngx_http_seal_km_module.c" "$top/src" "$tree/"
    write_pages
    cp "$top/tools/seal-km-records" "$top/tools/mint-token.pl" "$tree/tools/"
    cp -r "$top/tools/debian" "$tree/debian"
    sed -i -e "s|@MAINTAINER@|$maintainer|" \
        -e "s|@LIBJWT@|$(number "$LIBJWT_PREFIX")|" \
        -e "s|@JANSSON@|$(number "$JANSSON_PREFIX")|" "$tree/debian/control"
    write_changelog "$(version)" "$maintainer"
    write_copyright
}

# A build of Debian's cleans its environment of nothing: these are for "config".
build() {
    (
        cd "$tree"
        dpkg-buildpackage -b -us -uc
    ) > "$out/build.log" 2>&1 || {
        tail -n 30 "$out/build.log" >&2
        die "the build failed; all it said is in build/deb/build.log"
    }
}

check() {
    local found
    found=$(lintian --allow-root --fail-on none --tag-display-limit 0 "$out"/*.changes)
    echo "$found" > "$out/lintian.log"
    if echo "$found" | grep '^[EW]: '; then
        die "lintian finds errors or warnings"
    fi
    echo "lintian: no errors, no warnings"
}

main() {
    export LIBJWT_PREFIX=${LIBJWT_PREFIX:-$top/build/libjwt}
    export JANSSON_PREFIX=${JANSSON_PREFIX:-$top/build/libjansson}
    # the flags are Debian's
    unset CC CFLAGS CPPFLAGS LDFLAGS MAKEFLAGS MFLAGS MAKELEVEL
    write_tree
    build
    check
    echo "built $(cd "$top" && echo build/deb/"${package}"_*.deb)"
}

main
