#!/bin/bash
# Builds Jansson from this Debian release's source package as a static library
# that can be part of a module: build/libjansson/include and
# build/libjansson/lib/libjansson.a. That of libjansson-dev cannot, for it is not
# compiled with -fPIC.
set -eu

# Jansson reads its text by functions of one byte each, in several files. Compiled
# as one, with leave to make them one, too, and with a profile that says which way
# they go (tools/libjansson-profile.c), it takes less time.
flags='-fstack-protector-strong -fvisibility=hidden
    --param max-inline-insns-auto=100 --param inline-unit-growth=100'

top=$(cd "$(dirname "$0")/.." && pwd)
work=$top/build/libjansson-work
prefix=$top/build/libjansson
log=$top/build/libjansson.log

fetch() {
    echo "libjansson: fetching the source package jansson"
    rm -rf "$work"
    "$top/tools/apt-fetch.sh" own source jansson "$work" > "$log"
}

# build FLAG ...: with these beside those of all
build() {
    cmake "$work/build" -DCMAKE_C_FLAGS="${flags//$'\n'/ } $*" &&
        cmake --build "$work/build" --target jansson
}

configure() {
    cmake -S "$1" -B "$work/build" -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
        -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0 \
        -DJANSSON_BUILD_SHARED_LIBS=OFF -DJANSSON_BUILD_DOCS=OFF \
        -DJANSSON_EXAMPLES=OFF -DJANSSON_WITHOUT_TESTS=ON
}

# A profile is read by the compiler that has written it, and gcc does both. There is
# none where what is built does not run here: that costs time, and nothing else.
profile() {
    build -fprofile-generate &&
        "${CC:-cc}" -O2 -fprofile-generate -I "$work/build/include" \
            -o "$work/profile" "$top/tools/libjansson-profile.c" \
            "$work/build/lib/libjansson.a" &&
        (cd "$work" && env -u GCOV_PREFIX -u GCOV_PREFIX_STRIP ./profile)
}

compile() {
    local source=$1
    echo "libjansson: building $(basename "$source")"
    {
        configure "$source" &&
            if "$top/tools/is-gcc.sh" "${CC:-cc}" && profile; then
                build -fprofile-use -Werror=missing-profile
            else
                build
            fi
    } >> "$log" 2>&1 || {
        tail -n 30 "$log" >&2
        echo "libjansson: the build failed; all of it is in $log" >&2
        exit 1
    }
}

# what the library was made by: setup.sh looks whether that is still so
recipe() {
    cat "$top/tools/libjansson.sh" "$top/tools/libjansson-profile.c"
}

# The library goes last and is renamed into place: its presence says that all is
# there.
install_files() {
    local source=$1
    mkdir -p "$prefix/include" "$prefix/lib"
    cp "$work/build/include/jansson.h" "$work/build/include/jansson_config.h" \
        "$prefix/include/"
    cp "$source/LICENSE" "$prefix/"
    basename "$source" > "$prefix/VERSION"
    recipe > "$prefix/RECIPE"
    cp "$work/build/lib/libjansson.a" "$prefix/lib/libjansson.a.new"
    mv "$prefix/lib/libjansson.a.new" "$prefix/lib/libjansson.a"
}

main() {
    local source
    mkdir -p "$top/build"
    fetch
    source=$(echo "$work"/jansson-*/)
    source=${source%/}
    compile "$source"
    install_files "$source"
    rm -rf "$work"
}

main
