#!/bin/bash
# Builds nginx itself with the module linked in, from the source of this Debian
# release's nginx package. For the project's own checks: an installation uses the
# dynamic module.
#
#   tools/build-nginx.sh static     build/static/nginx; shows that --add-module
#                                   works, and that the result knows the module
#   tools/build-nginx.sh asan       build/asan/nginx: with the address and
#                                   undefined behaviour sanitizers
#   tools/build-nginx.sh source     builds nothing: says where the source is
#
# NGINX_SOURCE=FOLDER takes another source instead: any release of nginx's, or
# of its kin. The results are build/static-NAME/nginx and build/asan-NAME/nginx
# then, for a folder that is called NAME. NGINX_SOURCE=sid is what Debian unstable
# has, near mainline, in build/static-sid.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
source=
suffix=
binary=

die() {
    echo "build-nginx.sh: $*" >&2
    exit 1
}

# fetch RELEASE FOLDER
fetch() {
    local folder=$2
    # "make -j" may want the same source twice
    exec 8> "$folder.lock"
    flock 8
    if [ ! -e "$folder/fetched" ]; then
        echo "fetching the source of Debian's nginx ($1)"
        rm -rf "$folder"
        "$top/tools/apt-fetch.sh" "$1" source nginx "$folder" > "$folder.log"
        touch "$folder/fetched"
    fi
    exec 8>&-
    source=$(echo "$folder"/nginx-*/)
    source=${source%/}
    [ -f "$source/configure" ] || die "no nginx source in $folder"
}

# The source that the user has. It is copied, because configure writes into it,
# and it may be part of a repository: there configure is auto/configure.
take() {
    local folder=$NGINX_SOURCE
    [ -f "$folder/src/core/nginx.h" ] || die "no nginx source in $folder"
    suffix=-$(basename "$(cd "$folder" && pwd)")
    source=$top/build/nginx-source$suffix
    rm -rf "$source"
    mkdir -p "$source"
    # with its times, so that only what has changed is compiled again
    cp -a "$folder/." "$source/"
    [ -f "$source/configure" ] || cp "$source/auto/configure" "$source/configure"
}

get_source() {
    case ${NGINX_SOURCE:-} in
        '')
            fetch own "$top/build/nginx-source"
            ;;
        sid)
            suffix=-sid
            fetch sid "$top/build/nginx-source-sid"
            ;;
        *) take ;;
    esac
}

# features: the options of the nginx that is installed which turn something on,
# without those that have a value: paths, which belong to it, flags of the compiler,
# and modules that are loaded. The flags of nginx-dev are those that every flavour
# of Debian's has in common, and lack modules that tests use. HTTP/3 comes with
# them where this source has it.
features() {
    {
        # sets NGX_CONF_FLAGS, an array
        # shellcheck disable=SC1091
        . /usr/share/nginx/src/conf_flags
        printf '%s\n' "${NGX_CONF_FLAGS[@]}"
        PATH=$PATH:/usr/sbin nginx -V 2>&1 | tr ' ' '\n'
        grep -o -e --with-http_v3_module "$source/auto/options" || :
    } | grep -E '^--with-(http_)?[a-z0-9_-]+$' |
        grep -vE '^--with-(mail|stream)' | sort -u
}

# configure FOLDER CC_OPT LD_OPT
configure() {
    local folder=$1 flags
    mapfile -t flags < <(features)
    (
        cd "$source"
        env -u CFLAGS ./configure "${flags[@]}" --with-cc=gcc \
            --with-cc-opt="$2" --with-ld-opt="$3" --prefix="$folder/prefix" \
            --builddir="$folder/objs" --add-module="$top"
    ) > "$folder/configure.log" 2>&1 || {
        tail -n 15 "$folder/configure.log" >&2
        die "configure failed; all it said is in $folder/configure.log"
    }
}

# build NAME CC_OPT LD_OPT: objects in build/NAME/objs, configured again when
# that could make a difference
build() {
    local folder=$top/build/$1$suffix objs=$top/build/$1$suffix/objs
    mkdir -p "$folder"
    if ! inputs "$@" | cmp -s - "$folder/inputs"; then
        echo "configuring nginx ($1) from ${NGINX_SOURCE:-$(basename "$source")}"
        rm -rf "$folder"
        mkdir -p "$folder/prefix/conf" "$folder/prefix/logs"
        configure "$folder" "$2" "$3"
        inputs "$@" > "$folder/inputs"
    fi
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES \
        make -s -j "$(nproc)" -C "$source" -f "$objs/Makefile" binary
    # Angie's has its own name
    binary=$objs/nginx
    [ -x "$binary" ] || binary=$objs/angie
}

# shellcheck source=tools/libraries.sh
. "$top/tools/libraries.sh"

inputs() {
    echo "$* $source"
    cat "$source/src/core/nginx.h"
    gcc --version
    features
    cat "$top/config" "$0" "$top/tools/asan-cycle.c"
    libraries
}

# nginx -t with a directive of the module's and no load_module
check_static() {
    local folder=$top/build/static$suffix
    printf 'events {}\nhttp { seal_km_window 5s; }\n' \
        > "$folder/prefix/conf/check.conf"
    "$binary" -t -q -e stderr -p "$folder/prefix" \
        -g 'pid check.pid;' -c conf/check.conf
    cp "$binary" "$folder/nginx"
    echo "build/static$suffix/nginx has the module linked in, and knows its" \
        "directives"
}

# Reports go to files: nginx closes its standard error. And they do not change the
# exit status: the process that starts a daemon would fail on leaks of nginx's.
# A wrapper sets that up, for Test::Nginx has its own ideas about ASAN_OPTIONS. Without the pools of
# nginx (NGX_DEBUG_PALLOC) each allocation is one that the sanitizer watches.
wrap_asan() {
    local folder=$top/build/asan$suffix
    # a table of nginx's own, kept for the life of a worker
    echo 'leak:ngx_http_upstream_update_random' > "$folder/suppressions"
    cat > "$folder/nginx" <<END
#!/bin/sh
export ASAN_OPTIONS="log_path=$folder/reports/nginx:exitcode=0:quarantine_size_mb=8"
export LSAN_OPTIONS="suppressions=$folder/suppressions:print_suppressions=0"
export UBSAN_OPTIONS="log_path=$folder/reports/nginx:exitcode=0"
exec "$binary" "\$@"
END
    chmod +x "$folder/nginx"
    mkdir -p "$folder/reports"
    echo "built build/asan$suffix/nginx"
}

# What comes before nginx's ngx_init_cycle(); prints the options for the linker.
keep_cycle() {
    local object=$top/build/asan-cycle.o
    gcc -c -g1 -O1 -Wall -Wextra -Werror -o "$object" "$top/tools/asan-cycle.c"
    echo "-Wl,--wrap=ngx_init_cycle $object"
}

main() {
    local sanitize="-fsanitize=address,undefined -fno-omit-frame-pointer"
    mkdir -p "$top/build"
    case ${1:-} in
        static)
            get_source
            # with what nginx itself takes for errors
            build static "-g -O2" ""
            check_static
            ;;
        asan)
            get_source
            # no warnings: gcc has some wrong ones then; -Og compiles in a third of
            # the time of -O1; linked statically, or else the two runtimes disagree
            # on log_path
            build asan "-g1 -w -Og $sanitize -DNGX_DEBUG_PALLOC=1" \
                "$sanitize -static-libasan -static-libubsan $(keep_cycle)"
            wrap_asan
            ;;
        source)
            get_source >&2
            echo "$source"
            ;;
        *) die "usage: tools/build-nginx.sh static|asan|source" ;;
    esac
}

main "$@"
