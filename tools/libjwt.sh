#!/bin/bash
# Builds LibJWT from Debian unstable's source package libjwt3 as a static
# library: build/libjwt/include and build/libjwt/lib/libjwt.a. Only the OpenSSL
# backend is built in, and no code that would fetch keys over the network.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
work=$top/build/libjwt-work
prefix=$top/build/libjwt

fetch() {
    echo "libjwt: fetching the source package libjwt3 of Debian unstable"
    rm -rf "$work"
    "$top/tools/apt-fetch.sh" sid source libjwt3 "$work" > "$top/build/libjwt.log"
}

# -Werror suits LibJWT's authors; here a new compiler's warning must not end
# the build. The hidden symbols are the module's own business (see config).
compile() {
    local source=$1
    echo "libjwt: building $(basename "$source")"
    sed -i 's/ -Werror / /' "$source/CMakeLists.txt"
    {
        cmake -S "$source" -B "$work/build" -DCMAKE_BUILD_TYPE=Release \
            -DCMAKE_C_FLAGS='-fvisibility=hidden -fstack-protector-strong' \
            -DWITH_GNUTLS=OFF -DWITH_LIBCURL=OFF -DWITH_TESTS=OFF
        cmake --build "$work/build" --target jwt_static
    } >> "$top/build/libjwt.log" 2>&1 || {
        tail -n 30 "$top/build/libjwt.log" >&2
        echo "libjwt: the build failed; all of it is in build/libjwt.log" >&2
        exit 1
    }
}

# JWT_STATIC_DEFINE belongs to every user of a static LibJWT. The library goes
# last and is renamed into place: its presence says that all is there.
install_files() {
    local source=$1
    mkdir -p "$prefix/include" "$prefix/lib"
    cp "$source/include/jwt.h" "$prefix/include/"
    {
        echo '#define JWT_STATIC_DEFINE'
        cat "$work/build/jwt_export.h"
    } > "$prefix/include/jwt_export.h"
    cp "$source/LICENSE" "$prefix/"
    basename "$source" > "$prefix/VERSION"
    cp "$work/build/libjwt.a" "$prefix/lib/libjwt.a.new"
    mv "$prefix/lib/libjwt.a.new" "$prefix/lib/libjwt.a"
}

main() {
    local source version
    mkdir -p "$top/build"
    fetch
    source=$(echo "$work"/libjwt3-*/)
    source=${source%/}
    version=${source##*-}
    if dpkg --compare-versions "$version" lt 3.3.3; then
        echo "libjwt: $version is too old, 3.3.3 is needed" >&2
        exit 1
    fi
    compile "$source"
    install_files "$source"
    rm -rf "$work"
}

main
