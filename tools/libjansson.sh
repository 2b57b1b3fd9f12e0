#!/bin/bash
# Builds Jansson from this Debian release's source package as a static library
# that can be part of a module: build/libjansson/include and
# build/libjansson/lib/libjansson.a. That of libjansson-dev cannot, for it is not
# compiled with -fPIC.
set -eu

# Jansson reads its text by functions of one byte each, in several files. Compiled
# as one, with leave to make them one, too, it takes two thirds of the time.
inline='--param max-inline-insns-auto=100 --param inline-unit-growth=100'

top=$(cd "$(dirname "$0")/.." && pwd)
work=$top/build/libjansson-work
prefix=$top/build/libjansson
log=$top/build/libjansson.log

fetch() {
    echo "libjansson: fetching the source package jansson"
    rm -rf "$work"
    "$top/tools/apt-fetch.sh" own source jansson "$work" > "$log"
}

compile() {
    local source=$1
    echo "libjansson: building $(basename "$source")"
    {
        cmake -S "$source" -B "$work/build" -DCMAKE_BUILD_TYPE=Release \
            -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
            -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0 \
            -DCMAKE_C_FLAGS="-fstack-protector-strong -fvisibility=hidden $inline" \
            -DJANSSON_BUILD_SHARED_LIBS=OFF -DJANSSON_BUILD_DOCS=OFF \
            -DJANSSON_EXAMPLES=OFF -DJANSSON_WITHOUT_TESTS=ON
        cmake --build "$work/build" --target jansson
    } >> "$log" 2>&1 || {
        tail -n 30 "$log" >&2
        echo "libjansson: the build failed; all of it is in $log" >&2
        exit 1
    }
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
    cp "$0" "$prefix/RECIPE"
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
