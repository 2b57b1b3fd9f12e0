#!/bin/bash
# Does what README.Debian says under "Trying it out", command by command, in a
# system where the package is installed: beside this file.
#
#   trial.sh install      the commands that install something
#   trial.sh              the others, up to the answer; then they are undone
set -eu

here=$(cd "$(dirname "$0")" && pwd)
log=/var/log/nginx/seal-km-audit.log

die() {
    echo "trial.sh: $*" >&2
    cat /var/log/nginx/error.log >&2 || :
    exit 1
}

# commands FROM TO: those between two lines of the page that begin so
commands() {
    awk -v from="$1" -v to="$2" '
        index($0, from) == 1 { on = 1 }
        index($0, to) == 1   { on = 0 }
        on && /^       / { print substr($0, 8) }' \
        "$here/README.Debian"
}

# what a command of the page begins, others wait for
service() {
    local tries=100
    command service "$@"
    [ "$2" != stop ] || return 0
    until (: < /dev/tcp/127.0.0.1/443) 2> /dev/null || [ ! -e /etc/nginx/seal-km ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || die "nginx does not listen"
        sleep 0.1
    done
}

# as the system has them running that the page is for
start() {
    local tries=100
    command service redis-server start
    command service nginx start
    until [ "$(redis-cli PING)" = PONG ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || die "Redis does not answer"
        sleep 0.1
    done
}

# again with a token that nobody has signed
check_refusal() {
    local status
    status=$(curl -s --cacert /etc/ssl/certs/seal-km-trial.crt -o "$here/answer" \
        -w '%{http_code}' -H "Authorization: Bearer ${1}x" --json '{}' \
        https://localhost/seal-km)
    [ "$status" = 401 ] || die "a bad token was answered with $status"
}

main() {
    local reason
    commands 'Trying it out' 'To take it all away' > "$here/steps"
    commands 'To take it all away' 'A server in three' > "$here/undo"
    if [ "${1:-}" = install ]; then
        grep '^apt-get' "$here/steps" | sed 's/install/install -y/' | bash -eu
        exit
    fi
    [ "$(grep -c . "$here/steps")" -ge 20 ] || die "README.Debian has no steps"

    trap 'command service nginx stop; command service redis-server stop' EXIT
    start
    # shellcheck disable=SC1090
    . <(grep -v '^apt-get' "$here/steps") > "$here/said"
    cat "$here/said"
    grep -q '"UserID":"alice".*"Payload":"key material"' "$here/said" ||
        die "that is not the record"
    check_refusal "$TOKEN"
    for reason in ok token_; do
        grep -q "\"reason\":\"$reason" "$log" ||
            die "the audit log does not tell of $reason"
    done
    curl -sf --cacert /etc/ssl/certs/seal-km-trial.crt https://localhost/ready ||
        die "it is not ready"
    curl -sf --cacert /etc/ssl/certs/seal-km-trial.crt https://localhost/metrics |
        grep -q '^seal_km_responses_total{reason="ok"} 1$' || die "no metrics"
    ls /usr/share/man/man7/ngx_http_seal_km_module.7.gz \
        /usr/share/man/man1/seal-km-records.1.gz
    # shellcheck disable=SC1091
    . "$here/undo"
}

main "$@"
