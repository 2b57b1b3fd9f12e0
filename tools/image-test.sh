#!/bin/bash
# Builds the container image without an engine: does what the lines of Dockerfile
# say in chroots of Debian, and runs its ENTRYPOINT with its ENV and USER and a
# read-only root, beside a Redis and a SIM-S, as docs/examples/compose.yaml has
# them. Then asks for a record, as that file says, and for HEALTHCHECK.
#
#   tools/image-test.sh
#
# Needs root, debootstrap, git and the network, and what "make demo" needs. What is
# committed is what is built.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
examples=$top/docs/examples
work=
release=
args=()                # of the Dockerfile: NAME=VALUE
names=()               # of the stages, in their order

# of the stage that is being built
root=
folder=/
env=()
user=0:0

# of the last one
entrypoint=
health=
stop=SIGTERM
ports=

# shellcheck source=tools/chroot.sh
. "$top/tools/chroot.sh"

say() {
    echo "image-test: $*"
}

# ------------------------------------------------------------- the Dockerfile

# Lines that end with a backslash go on; those in between may be comments.
instructions() {
    awk '/^[ \t]*#/ { next }
         { text = text $0 }
         /\\$/ { sub(/\\$/, " ", text); next }
         text ~ /[^ \t]/ { print text }
         { text = "" }' "$1"
}

# ${NAME} of ARG
expand() {
    local text=$1 arg
    for arg in "${args[@]}"; do
        text=${text//"\${${arg%%=*}}"/${arg#*=}}
    done
    echo "$text"
}

# from IMAGE [AS NAME]: only Debian's own images are known
from() {
    local image
    image=$(expand "$1")
    [[ $image == debian:* ]] || chroot_die "FROM $image: only debian:RELEASE is known"
    release=${image#debian:}
    release=${release%-slim}
    names+=("${3:-stage${#names[@]}}")
    root=$work/${names[-1]}
    folder=/ env=() user=0:0
    say "FROM $image"
    chroot_make "$release" "$root"
    chroot_run "$root" apt-get -qq update
}

# Whatever .dockerignore leaves out is not there to be copied.
context() {
    local line
    mkdir "$work/context"
    git -C "$top" archive HEAD | tar -C "$work/context" -x
    mkdir "$work/kept"
    while read -r line; do
        case $line in
            '' | '#'*) ;;
            !*) mkdir -p "$work/kept/$(dirname "${line#!}")"
                mv "$work/context/${line#!}" "$work/kept/${line#!}" ;;
        esac
    done < "$top/.dockerignore"
    while read -r line; do
        case $line in
            '' | '#'* | !*) ;;
            *) rm -rf "$work/context/${line:?}" ;;
        esac
    done < "$top/.dockerignore"
    cp -a "$work/kept/." "$work/context/"
}

# copy [--from=STAGE] SOURCE ... TARGET: of a folder what is in it
copy() {
    local source=$work/context target name
    if [[ $1 == --from=* ]]; then
        source=$work/${1#--from=}
        shift
    fi
    target=${*: -1}
    [[ $target == /* ]] || target=$folder/$target
    for name in "${@:1:$#-1}"; do
        name=$source/${name#/}
        [ -e "$name" ] || chroot_die "COPY: $name is not there"
        if [ -d "$name" ]; then
            mkdir -p "$root/$target"
            cp -a "$name/." "$root/$target/"
        else
            [[ $target != */ ]] || mkdir -p "$root/$target"
            cp -a "$name" "$root/$target"
        fi
    done
}

run() {
    say "RUN ${1:0:60}"
    chroot_run "$root" env "${env[@]}" sh -c "cd '$folder' && $1" \
        > "$work/run.log" 2>&1 || {
        tail -n 20 "$work/run.log" >&2
        chroot_die "RUN failed"
    }
    chroot_keep "$root"
}

# of ["a", "b"] the words, in lines
words() {
    perl -MJSON::PP -e 'print "$_\n" for @{ decode_json($ARGV[0]) }' "$1"
}

build() {
    local instruction rest
    context
    while read -r instruction rest; do
        # shellcheck disable=SC2086,SC2206
        case $instruction in
            ARG) args+=("$rest") ;;
            FROM) from $rest ;;
            WORKDIR) folder=$rest; mkdir -p "$root$folder" ;;
            COPY) copy $rest ;;
            RUN) run "$rest" ;;
            ENV) env+=($rest) ;;
            USER) user=$rest ;;
            EXPOSE) ports=$rest ;;
            STOPSIGNAL) stop=$rest ;;
            HEALTHCHECK) health=$(words "${rest#*CMD }") ;;
            ENTRYPOINT) entrypoint=$(words "$rest") ;;
            *) chroot_die "$instruction is not known here" ;;
        esac
    done < <(instructions "$top/Dockerfile")
}

# ---------------------------------------------------------------- the services

# The folders that compose.yaml mounts become part of the image: its root cannot
# be written to, and nothing else is mounted.
prepare() {
    "$examples/compose/files.sh" "$work/files" > /dev/null
    mkdir -p "$root/etc/seal-km"
    cp "$work/files/skm-s/"* "$root/etc/seal-km/"
    # where they are looked for without a URL
    cp "$work/files/sim-s/jwks" "$root/etc/seal-km/jwks.json"
    chmod 755 "$root/etc/seal-km"
    : > "$root/etc/resolv.conf"
    echo '127.0.0.1 localhost redis sim-s' > "$root/etc/hosts"
    mapfile -t given < <(grep '^[A-Z]' "$examples/compose/skm-s.env")
    touch "$work/stdout" "$work/stderr"
    chown "$user" "$work/stdout" "$work/stderr"
}

# in a network of their own, so with the ports that the files have
services() {
    ip link set lo up
    sed "s|/etc/redis/tls|$work/files/redis|" "$examples/compose/redis.conf" \
        > "$work/redis.conf"
    redis-server "$work/redis.conf" --dir "$work" > "$work/redis.log" &
    redis=$!
    mkdir "$work/sim-s"
    cat > "$work/sim-s.conf" <<END
daemon off;
pid $work/sim-s.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path $work/sim-s;
    proxy_temp_path $work/sim-s;
    fastcgi_temp_path $work/sim-s;
    uwsgi_temp_path $work/sim-s;
    scgi_temp_path $work/sim-s;
    server { listen 127.0.0.1:80; root $work/files/sim-s; }
}
END
    nginx -e stderr -c "$work/sim-s.conf" 2> "$work/sim-s.log" &
    sims=$!
}

given=()
container=

# as_user COMMAND ...: in the container, in a new one for each
as_user() {
    chroot_run -r "$root" env "${env[@]}" "${given[@]}" setpriv \
        --reuid "${user%:*}" --regid "${user#*:}" --clear-groups \
        --no-new-privs --bounding-set -all --inh-caps -all "$@"
}

fail() {
    echo "image-test: $*" >&2
    tail -n 5 "$work/stderr" "$work/stdout" "$work"/*.log >&2
    exit 1
}

# wait_for COMMAND ...: until it succeeds
wait_for() {
    local tries=150
    until "$@" > /dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "not there: $*"
        sleep 0.2
    done
}

healthy() {
    # shellcheck disable=SC2086
    as_user $health
}

unhealthy() {
    ! healthy
}

operator() {
    redis-cli -h redis --tls --cacert "$work/files/ca.crt" --user operator \
        --pass "$(cat "$work/files/operator.password")" --no-auth-warning "$@"
}

# ask TOKEN: the status; the answer is in a file
ask() {
    curl -s --cacert "$work/files/ca.crt" https://localhost:8443/seal-km \
        -o "$work/answer" -w '%{http_code}' -H "Authorization: Bearer $1" \
        --json '{"Version": "1.0.0", "SKmsUri": "https://localhost:8443/seal-km",
                 "ServiceID": "v2x.example", "UserID": "alice",
                 "Date/Time": '"$(date +%s)"'}'
}

exchange() {
    local token status reason
    token=$("$top/tools/mint-token.pl" --key "$work/files/sim-s.jwk" \
        --issuer https://sim-s.example --audience skm-s --subject alice)
    operator SET seal:km:v2x.example:user:alice 'key material' EX 86400 > /dev/null

    status=$(ask "$token")
    say "HTTP $status $(cat "$work/answer")"
    if [ "$status" != 200 ] || ! grep -q '"Payload":"key material"' "$work/answer"
    then
        fail "that is not the record"
    fi
    status=$(ask "${token}x")
    [ "$status" = 401 ] || fail "a bad token was answered with $status"

    for reason in ok token_; do
        grep -q "\"reason\":\"$reason" "$work/stdout" ||
            fail "standard output does not tell of $reason"
    done
    curl -sf http://localhost:8081/metrics | grep -q '^seal_km_info' ||
        fail "there are no metrics"
    [ "$(curl -sk -o /dev/null -w '%{http_code}' https://localhost:8443/metrics)" = 404 ] ||
        fail "metrics are for all"
}

# the process that is 1 in there
inside() {
    local pid=$1
    while [ -n "$(pgrep -P "$pid" | head -n 1)" ] &&
        [ "$(cat "/proc/$pid/comm")" != nginx ]; do
        pid=$(pgrep -P "$pid" | head -n 1)
    done
    echo "$pid"
}

# begin [COMMAND ...]: the container, by another program
begin() {
    # shellcheck disable=SC2086
    as_user "$@" $entrypoint >> "$work/stdout" 2>> "$work/stderr" &
    container=$!
    wait_for healthy
}

# as an engine ends it
end() {
    kill -s "${stop#SIG}" "$(inside "$container")"
    wait "$container" || fail "the container ended with $?"
}

try() {
    local pid port
    mount --bind "$work/files/hosts" /etc/hosts
    services
    trap 'kill $redis $sims $(inside $container) 2> /dev/null || :' EXIT

    say "HEALTHCHECK"
    begin
    pid=$(inside "$container")
    [ "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")" = "${user%:*}" ] ||
        fail "nginx runs as another user than $user"
    for port in $ports; do
        (: < "/dev/tcp/127.0.0.1/$port") || fail "nothing listens at $port"
    done
    ! as_user sh -c 'echo x > /etc/nginx/x' 2> /dev/null ||
        fail "the root can be written to"
    exchange

    say "$stop, and again with keys of a file"
    end
    kill "$sims"
    begin env -u SIM_S_JWKS_URL
    exchange

    say "HEALTHCHECK without Redis"
    kill "$redis"
    wait "$redis" || :
    wait_for unhealthy

    end
    say "all as it should be"
}

# every variable that has to be there is asked for
refuses() {
    local name out=
    say "what is missing"
    for name in SEAL_KM_PASS SEAL_KM_URI SEAL_KM_ISSUER SEAL_KM_AUDIENCE SEAL_KM_SCOPE
    do
        # shellcheck disable=SC2086
        out=$(as_user env -u "$name" $entrypoint 2>&1) &&
            fail "it starts without $name"
        [[ $out == *"$name is not set"* ]] || fail "without $name: $out"
    done
    # shellcheck disable=SC2086
    out=$(as_user env 'SEAL_KM_ID=a;b' $entrypoint 2>&1) && fail "it takes a semicolon"
    [[ $out == *"SEAL_KM_ID has a character"* ]] || fail "a semicolon: $out"
    # shellcheck disable=SC2086
    out=$(as_user env SEAL_KM_REDIS_PASSWORD=x $entrypoint 2>&1) &&
        fail "it takes a password"
    [[ $out == *SEAL_KM_REDIS_PASSWORD_FILE* ]] || fail "a password: $out"
}

main() {
    chroot_needs
    PATH=$PATH:/usr/sbin
    mkdir -p "$top/build"
    work=$(mktemp -d "$top/build/image-test.XXXXXX")
    trap 'rm -rf "$work"; chroot_give' EXIT
    chmod 755 "$work"
    build
    prepare
    cp "$root/etc/hosts" "$work/files/hosts"
    refuses
    # what follows has a network and mounts of its own
    declare -p work root user stop ports entrypoint health env given > "$work/state"
    unshare --net --mount "$0" try "$work/state"
}

if [ "${1:-}" = try ]; then
    # shellcheck disable=SC1090
    . "$2"
    try
else
    main
fi
