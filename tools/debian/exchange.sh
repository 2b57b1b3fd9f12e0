#!/bin/bash
# README.Debian as commands, in a system where the package is installed, with a
# certificate made here and tools/mint-token.pl, beside this, as SIM-S. All that
# is made is removed again.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
site=/etc/nginx/sites-available/seal-km.conf
name=localhost
issuer=https://localhost/sim-s
pids=

die() {
    echo "exchange.sh: $*" >&2
    cat /var/log/nginx/error.log >&2 || :
    exit 1
}

stop() {
    nginx -s quit 2> /dev/null || :
    [ -z "$pids" ] || kill "$pids"
    rm -rf /etc/nginx/seal-km "$site" /etc/nginx/sites-enabled/seal-km.conf \
        /etc/ssl/certs/test.crt /etc/ssl/private/test.key
}

# what an operator has made is not taken for ours
for path in "$site" /etc/nginx/seal-km /etc/ssl/private/test.key /run/nginx.pid; do
    [ ! -e "$path" ] || {
        echo "exchange.sh: $path is there already: this wants a system of its own" >&2
        exit 1
    }
done

make_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -days 2 -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
        -keyout /etc/ssl/private/test.key -out /etc/ssl/certs/test.crt 2> /dev/null
    chmod 600 /etc/ssl/private/test.key
}

# the three edits
make_site() {
    sed -e "s|skm-s\.example|$name|" -e "s|https://sim-s\.example|$issuer|" \
        -e 's|certs/skm-s\.crt|certs/test.crt|; s|private/skm-s\.key|private/test.key|' \
        "/usr/share/doc/libnginx-mod-http-seal-km/examples/seal-km.conf" > "$site"
    mkdir -p /etc/nginx/seal-km
    "$here/mint-token.pl" --make-key "$here/sim-s.jwk" > /etc/nginx/seal-km/jwks.json
    ln -s ../sites-available/seal-km.conf /etc/nginx/sites-enabled/
}

wait_for() {
    local tries=100
    until "$@" > /dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || die "not there: $*"
        sleep 0.1
    done
}

# ask TOKEN: status and answer, in $status and $answer
ask() {
    status=$(curl -sS --cacert /etc/ssl/certs/test.crt "https://$name/seal-km" \
        -o "$here/answer" -w '%{http_code}' -H "Authorization: Bearer $1" \
        -H 'Content-Type: application/json' --data-binary '{"Version": "1.0.0",
                 "SKmsUri": "https://'"$name"'/seal-km",
                 "ServiceID": "v2x.example",
                 "UserID": "alice",
                 "Date/Time": '"$(date +%s)"'}')
    answer=$(cat "$here/answer")
}

main() {
    local token reason
    trap stop EXIT
    make_certificate
    make_site
    nginx -t -q
    redis-server --bind 127.0.0.1 --save '' > /dev/null &
    pids=$!
    wait_for redis-cli PING
    printf 'key material' |
        seal-km-records put v2x.example --user alice --ex 86400
    nginx
    wait_for curl -sf --cacert /etc/ssl/certs/test.crt "https://$name/ready"

    token=$("$here/mint-token.pl" --key "$here/sim-s.jwk" --issuer "$issuer" \
        --audience "https://$name/seal-km" --subject alice)
    ask "$token"
    echo "$status $answer"
    if [ "$status" != 200 ] || [[ $answer != *'"Payload":"key material"'* ]]; then
        die "that is not the record"
    fi
    ask "${token}x"
    [ "$status" = 401 ] || die "a bad token was answered with $status"

    for reason in ok token_; do
        grep -q "\"reason\":\"$reason" /var/log/nginx/seal-km-audit.log ||
            die "the audit log does not tell of $reason"
    done
    ls /usr/share/man/man7/ngx_http_seal_km_module.7.gz \
        /usr/share/man/man1/seal-km-records.1.gz
}

main
