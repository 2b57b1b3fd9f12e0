#!/bin/bash
# Builds the dynamic module for the nginx that is installed, with the nginx
# source tree of the package nginx-dev, and nothing written outside build/.
#
#   tools/build-module.sh FOLDER          (in FOLDER; CC, CFLAGS, LDFLAGS heeded)
#
# nginx's configure runs again only when something that it depends on changed. It
# takes a minute to find out about the system what it has found before: with
# CONFIGURED=FOLDER that of another compiler's build is taken.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
source=${NGINX_SRC:-/usr/share/nginx/src}
module=ngx_http_seal_km_module.so
PATH=$PATH:/usr/sbin

# nginx-dev compiles with -O and -Wall -Werror. The last -Wno- is for clang, to
# which a later -Wextra would undo the one that nginx itself sets.
cc_opt="-O2 -fPIC -fstack-protector-strong -Wformat -Werror=format-security \
-D_FORTIFY_SOURCE=2 -ffile-prefix-map=$top=. -Wall -Wextra -Werror \
-Wno-unused-parameter"
ld_opt="-Wl,-z,relro -Wl,-z,now -fPIC"

# gcc sees the module as a whole, so that a file may be as small as what it does;
# the objects are complete without that, for check-arrows.sh. Flags of one's own
# are for something else: a debugger, a sanitizer, coverage.
lto='-flto=auto -ffat-lto-objects'

die() {
    echo "build-module.sh: $*" >&2
    exit 1
}

# shellcheck source=tools/libraries.sh
. "$top/tools/libraries.sh"

# what the outcome of configure depends on
inputs() {
    echo "CC=$CC CFLAGS=${CFLAGS:-} LDFLAGS=${LDFLAGS:-}"
    echo "$top $source"
    "$CC" --version
    cat "$top/config" "$0" "$source/conf_flags" "$source/src/core/nginx.h"
    libraries
    [ -z "${CONFIGURED:-}" ] || cat "$CONFIGURED/inputs"
}

# take FROM FOLDER: for clang, with its own warning and without what only gcc has
take() {
    local file own=
    rm -rf "$2"
    mkdir -p "$2"
    (cd "$1" && find . -type d) | (cd "$2" && xargs mkdir -p)
    for file in "$1"/Makefile "$1"/ngx_*.[ch]; do
        sed "s|$1/|$2/|g" "$file" > "$2/${file##*/}"
    done
    "$top/tools/is-gcc.sh" "$CC" || own=' -Wconditional-uninitialized'
    sed -i "s|^CC =.*|CC = $CC|; s|^CFLAGS =|&$own|; s| $lto||" "$2/Makefile"
}

configure() {
    local folder=$1
    echo "configuring the module with $CC for nginx in $source"
    rm -rf "$folder"
    mkdir -p "$folder"
    # sets NGX_CONF_FLAGS, an array
    # shellcheck disable=SC1091
    . "$source/conf_flags"
    (
        cd "$source"
        env -u CFLAGS ./configure --with-cc="$CC" --with-cc-opt="$cc_opt ${CFLAGS:-}" \
            --with-ld-opt="$ld_opt ${LDFLAGS:-}" "${NGX_CONF_FLAGS[@]}" \
            --builddir="$folder" --add-dynamic-module="$top"
    ) > "$folder/configure.log" 2>&1 || {
        tail -n 15 "$folder/configure.log" >&2
        die "configure failed; all it said is in $folder/configure.log"
    }
}

main() {
    local folder jobs
    [ $# = 1 ] || die "usage: tools/build-module.sh FOLDER"
    mkdir -p "$1"
    folder=$(cd "$1" && pwd)
    [ -f "$source/conf_flags" ] || die "no nginx-dev in $source"
    if [ -z "${CFLAGS:-}" ] && "$top/tools/is-gcc.sh" "$CC"; then
        cc_opt="$cc_opt $lto"
        ld_opt="$ld_opt $lto"
    fi
    # "make -j" may want the same folder twice
    exec 9> "$folder.lock"
    flock 9

    if ! inputs | cmp -s - "$folder/inputs"; then
        if [ -n "${CONFIGURED:-}" ]; then
            take "$(cd "$CONFIGURED" && pwd)" "$folder"
        else
            configure "$folder"
        fi
        inputs > "$folder/inputs"
    fi
    jobs=$(nproc 2> /dev/null || echo 1)
    # a make of its own: the flags of one that called this are not nginx's
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES \
        make -s -j "$jobs" -C "$source" -f "$folder/Makefile" modules
    [ -f "$folder/$module" ] || die "no $module came out of the build"
}

CC=${CC:-gcc}
main "$@"
