#!/bin/bash
# Fetches one package from Debian's archive, signatures checked, through an apt
# configuration of its own under build/apt: the system's sources, lists, cache
# and preferences are neither used nor changed, and no root is needed.
#
#   apt-fetch.sh sid source PACKAGE DIR   unpacked source, from Debian unstable
#   apt-fetch.sh sid deb    PACKAGE DIR   the .deb, from Debian unstable
#   apt-fetch.sh own source PACKAGE DIR   unpacked source, from this machine's
#                                         own release of Debian
#
# The mirror is the one this machine's own apt uses; SEAL_KM_DEBIAN_MIRROR
# names another one. ($(...) in single quotes is apt-get's, not the shell's.)
# shellcheck disable=SC2016
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)

die() {
    echo "apt-fetch.sh: $*" >&2
    exit 1
}

# Debian's main archive, as this machine's apt knows it. The label comes from
# the lists, which container images delete: then any Debian archive but the
# security one has to do.
mirror() {
    local uri
    if [ -n "${SEAL_KM_DEBIAN_MIRROR:-}" ]; then
        echo "$SEAL_KM_DEBIAN_MIRROR"
        return
    fi
    uri=$(apt-get indextargets 'Created-By: Packages' 'Label: Debian' \
              --format '$(REPO_URI)' | head -n 1)
    if [ -z "$uri" ]; then
        uri=$(apt-get indextargets 'Created-By: Packages' \
                  --format '$(REPO_URI)' | grep '/debian/*$' | head -n 1)
    fi
    [ -n "$uri" ] || die "no Debian mirror among apt's sources" \
                         "(set SEAL_KM_DEBIAN_MIRROR)"
    echo "$uri"
}

keyring() {
    local name
    for name in pgp gpg; do
        name=/usr/share/keyrings/debian-archive-keyring.$name
        if [ -f "$name" ]; then
            echo "$name"
            return
        fi
    done
    die "the package debian-archive-keyring is missing"
}

# The newest version there is. A mirror may list a security update without
# holding its source (yet, or any more); the last resort is what upstream
# released, without Debian's patches.
fetch_source() {
    local dir=$1 package=$2 version versions
    versions=$(apt-cache -c "$dir/apt.conf" showsrc --only-source "$package" |
                   sed -n 's/^Version: //p' | uniq)
    for version in $versions; do
        private_apt "$dir" --only-source source "$package=$version" && return
        echo "apt-fetch.sh: no $package $version there" >&2
    done
    for version in $versions; do
        private_apt "$dir" --only-source --tar-only source "$package=$version" &&
            tar xf "$package"_*.orig.tar.* && return
    done
    die "no source of $package to be had"
}

# The sources list: one line for sid; for "own" a line for each suite of
# Debian's (release, updates, security) that this machine uses.
sources() {
    local suite=$1 kind=$2 key type target uri release
    key=$(keyring)
    if [ "$kind" = source ]; then
        type=deb-src target=Sources
    else
        type=deb target=Packages
    fi
    if [ "$suite" = sid ]; then
        uri=$(mirror)
        echo "$type [signed-by=$key target=$target] $uri sid main"
        return
    fi
    apt-get indextargets 'Created-By: Packages' 'Origin: Debian' \
        'Component: main' --format '$(REPO_URI) $(RELEASE)' | sort -u |
    while read -r uri release; do
        echo "$type [signed-by=$key target=$target] $uri $release main"
    done
}

# The #clear lines drop hooks that this machine's apt.conf may hold.
write_config() {
    local dir=$1
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/empty"
    cat > "$dir/apt.conf" <<END
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Update::Pre-Invoke;
#clear APT::Default-Release;
#clear Acquire::IndexTargets::deb::DEP-11;
Dir::Etc::SourceList "$dir/sources.list";
Dir::Etc::SourceParts "$dir/empty";
Dir::Etc::Preferences "$dir/preferences";
Dir::Etc::PreferencesParts "$dir/empty";
Dir::State "$dir";
Dir::State::Lists "$dir/lists";
Dir::State::Status "/var/lib/dpkg/status";
Dir::Cache "$dir/cache";
Dir::Cache::Archives "$dir/cache/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Log "$dir";
APT::Sandbox::User "";
APT::Get::List-Cleanup "true";
Acquire::Languages "none";
Acquire::Retries "3";
END
}

# With -c the file is read after the system's settings, so that it wins.
private_apt() {
    local dir=$1
    shift
    apt-get -qq -c "$dir/apt.conf" "$@"
}

# A suite's lists are brought once an hour at most.
update() {
    local dir=$1
    if [ -n "$(find "$dir/updated" -mmin -60 2>/dev/null)" ] &&
       cmp -s "$dir/sources.list" "$dir/updated"
    then
        return
    fi
    private_apt "$dir" update
    cp "$dir/sources.list" "$dir/updated"
}

main() {
    [ $# = 4 ] || die "usage: apt-fetch.sh sid|own source|deb PACKAGE DIR"
    local suite=$1 kind=$2 package=$3 target=$4 dir
    dir=$top/build/apt/$suite-$kind
    write_config "$dir"
    sources "$suite" "$kind" > "$dir/sources.list.new"
    mv "$dir/sources.list.new" "$dir/sources.list"

    update "$dir"
    mkdir -p "$target"
    cd "$target"
    if [ "$kind" = source ]; then
        fetch_source "$dir" "$package"
    else
        private_apt "$dir" download "$package"
    fi
}

main "$@"
