# Folders with a Debian of their own, for tests that install what they want: to be
# sourced, with $top set. Needs root, debootstrap and the network.
# shellcheck shell=bash disable=SC2154

# /etc of this machine that a chroot has to share, so that it reaches the same
# mirror in the same way
chroot_shares="resolv.conf hosts"

chroot_die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# Debian's main archive, and that of security updates, as this machine's apt
# knows them
chroot_site() {
    # the word in parentheses is apt-get's
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(SITE)' | grep -E -e "$1/*\$" | head -n 1 || :
}

# chroot_base RELEASE: prints the path of a tar file of its smallest system, made
# once a day
chroot_base() {
    local folder=$top/build/chroot site file
    file=$folder/$1.tar
    mkdir -p "$folder"
    if [ -z "$(find "$file" -mtime -1 2> /dev/null)" ]; then
        site=${SEAL_KM_DEBIAN_MIRROR:-$(chroot_site /debian)}
        [ -n "$site" ] || chroot_die "no Debian mirror among apt's sources"
        rm -rf --one-file-system "$folder/$1.new"
        # its mounts go with it, even if it is killed
        unshare --mount debootstrap --variant=minbase "$1" "$folder/$1.new" "$site" \
            > "$folder/$1.log" 2>&1 || {
            tail -n 5 "$folder/$1.log" >&2
            chroot_die "debootstrap failed"
        }
        rm -f "$folder/$1.new"/var/cache/apt/archives/*.deb
        # of a command that is substituted bash does not heed -e
        { tar -C "$folder/$1.new" -cf "$file.new" . && mv "$file.new" "$file"; } ||
            chroot_die "$file could not be written"
        rm -rf "$folder/$1.new"
    fi
    echo "$file"
}

# chroot_make RELEASE FOLDER: unpacks it there, with the sources of apt
chroot_make() {
    local file site security name
    file=$(chroot_base "$1")
    site=${SEAL_KM_DEBIAN_MIRROR:-$(chroot_site /debian)}
    security=$(chroot_site -security)
    mkdir -p "$2"
    tar -C "$2" -xf "$file"
    {
        echo "deb $site $1 main"
        echo "deb $site $1-updates main"
        [ -z "$security" ] || echo "deb $security $1-security main"
    } > "$2/etc/apt/sources.list"
    # how this machine reaches it
    apt-config dump | grep -E '^Acquire::(Check|http|https|Retries)' \
        > "$2/etc/apt/apt.conf.d/90host" || :
    for name in $chroot_shares; do
        [ ! -e "/etc/$name" ] || cp "/etc/$name" "$2/etc/"
    done
    # what was fetched before need not be fetched again
    find "$top/build/chroot/archives" -name '*.deb' \
        -exec cp -l -t "$2/var/cache/apt/archives" {} + 2> /dev/null || :
    # nobody is to start a server because it was installed
    printf '#!/bin/sh\nexit 101\n' > "$2/usr/sbin/policy-rc.d"
    chmod 755 "$2/usr/sbin/policy-rc.d"
}

# chroot_run [-n] [-r] FOLDER COMMAND ...: with mounts and processes of its own,
# which end with it; -n: without any network but a loopback of its own; -r: nothing
# in FOLDER can be written to but /tmp.
chroot_run() {
    local offline='' readonly='' option OPTIND=1 unshare=(--mount --pid --fork --kill-child)
    while getopts nr option; do
        case $option in
            n) offline=yes unshare+=(--net) ;;
            r) readonly=yes ;;
            *) return 2 ;;
        esac
    done
    shift $((OPTIND - 1))
    # shellcheck disable=SC2016
    unshare "${unshare[@]}" bash -euc '
        root=$1 offline=$2 readonly=$3
        shift 3
        if [ -n "$readonly" ]; then
            mount --bind "$root" "$root"
            mount -o remount,bind,ro "$root"
            mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        fi
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        [ -n "$readonly" ] || mount -t tmpfs tmpfs "$root/run"
        [ -z "$offline" ] || ip link set lo up
        exec chroot "$root" "$@"
    ' bash "$1" "$offline" "$readonly" \
        /usr/bin/env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        "${@:2}"
}

# chroot_install FOLDER PACKAGE|FILE ...
chroot_install() {
    chroot_run "$1" apt-get -qq -o Dpkg::Use-Pty=0 \
        -o APT::Keep-Downloaded-Packages=true \
        install --no-install-recommends -y "${@:2}" > "$1.log" 2>&1 || {
        tail -n 20 "$1.log" >&2
        chroot_die "apt-get could not install ${*:2}"
    }
}

# chroot_keep FOLDER: what was fetched is kept for the next time
chroot_keep() {
    mkdir -p "$top/build/chroot/archives"
    find "$1/var/cache/apt/archives" -maxdepth 1 -name '*.deb' \
        -exec cp -l -n -t "$top/build/chroot/archives" {} + 2> /dev/null || :
}

# Whoever is root by sudo does not leave files in build/ that its owner cannot
# replace.
chroot_give() {
    local owner
    owner=$(stat -c %u "$top")
    [ "$owner" = 0 ] || find "$top/build" -xdev -user root \
        -exec chown -h --reference="$top" {} +
}

chroot_needs() {
    local name missing=''
    [ "$(id -u)" = 0 ] || chroot_die "root is needed for a chroot"
    for name in debootstrap:debootstrap git:git ip:iproute2 pgrep:procps \
        unshare:util-linux; do
        command -v "${name%:*}" > /dev/null || missing="$missing ${name#*:}"
    done
    [ -z "$missing" ] || chroot_die "missing, install:$missing"
}
