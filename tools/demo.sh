#!/bin/bash
# Shows the SEAL KM server at work: a Redis and an nginx of its own on this
# machine, one exchange that succeeds and the refusals. Exits with 1 if an answer
# is not what it should be, and leaves nothing behind.
#
#   tools/demo.sh         the exchanges, step by step
#   tools/demo.sh run     starts the servers and tells what to try, until Ctrl-C
#
# SEAL_KM_MODULE is the module to load, build/ngx_http_seal_km_module.so by
# default. Needs nginx, redis-server, redis-cli, curl, openssl and Crypt::JWT:
# "tools/setup.sh demo" installs them.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
module=${SEAL_KM_MODULE:-$top/build/ngx_http_seal_km_module.so}
PATH=$PATH:/usr/sbin

issuer=https://sim-s.example
audience=seal-km-demo
service=v2x.example
key_material=bWFzdGVyLWtleS1vZi10aGUtZGVtbw==

dir=
uri=
pids=
status=
failures=0

die() {
    echo "demo: $*" >&2
    exit 1
}

# ------------------------------------------------------------------ servers

stop() {
    local pid
    for pid in $pids; do
        kill "$pid" 2> /dev/null || :
    done
    for pid in $pids; do
        wait "$pid" 2> /dev/null || :
    done
    [ -z "$dir" ] || rm -rf "$dir"
}

# Below the ports that the kernel gives to outgoing connections.
free_port() {
    perl -MIO::Socket::INET -e '
        for (1 .. 100) {
            my $port = 20000 + int rand 10000;
            my $socket = IO::Socket::INET->new(
                LocalAddr => "127.0.0.1", LocalPort => $port, Listen => 1);
            next if !$socket;
            print "$port\n";
            exit 0;
        }
        exit 1'
}

# A CA of its own, and a certificate for localhost signed by it.
make_certificates() {
    (
        cd "$dir"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
            -days 2 -subj '/CN=SEAL KM demo CA' -keyout ca.key -out ca.crt
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
            -subj '/CN=localhost' -keyout tls.key -out tls.csr
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' > tls.ext
        openssl x509 -req -days 2 -in tls.csr -CA ca.crt -CAkey ca.key \
            -CAcreateserial -extfile tls.ext -out tls.crt
    ) > "$dir/openssl.log" 2>&1 || { cat "$dir/openssl.log"; die "openssl failed"; }
}

write_configuration() {
    local port=$1
    cat > "$dir/nginx.conf" <<END
load_module $module;

daemon off;
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/error.log info;

events {}

http {
    log_format seal_km '\$remote_addr \$seal_km_interface \$status \$seal_km_reason '
                       'service=\$seal_km_service_id user=\$seal_km_user_uri';
    access_log $dir/access.log seal_km;

    client_body_temp_path $dir/tmp;
    proxy_temp_path $dir/tmp;
    fastcgi_temp_path $dir/tmp;
    uwsgi_temp_path $dir/tmp;
    scgi_temp_path $dir/tmp;

    seal_km_zone name=seal_km 1m;
    seal_km_zone seal_km;

    server {
        listen 127.0.0.1:$port ssl;
        server_name localhost;

        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate $dir/tls.crt;
        ssl_certificate_key $dir/tls.key;

        seal_km_jwks_request /sim-s-keys;
        seal_km_issuer $issuer;
        seal_km_audience $audience;
        seal_km_scope seal:km;

        # encrypted records, and for this demonstration plain ones beside them
        seal_km_record_keys $dir/record-keys.json;
        seal_km_record_plaintext on;

        # clients
        location = /seal-km {
            seal_km_pass unix:$dir/redis.sock;
            seal_km_uri $uri;
        }

        # VAL servers
        location = /ss-kir/v1/key-records {
            seal_km_pass unix:$dir/redis.sock;
            seal_km_interface ss-kir;
        }

        location = /metrics {
            seal_km_metrics;
        }

        location = /sim-s-keys {
            internal;
            proxy_pass http://unix:$dir/sim-s.sock:/jwks;
        }
    }

    # what there is of the SIM-S: it publishes its keys
    server {
        listen unix:$dir/sim-s.sock;
        access_log off;

        location = /jwks {
            default_type application/jwk-set+json;
            alias $dir/jwks.json;
        }
    }
}
END
}

# for Prometheus: where this server's metrics are, and the alerts
write_prometheus() {
    local port=$1
    cat > "$dir/prometheus.yml" <<END
global:
  scrape_interval: 1s

rule_files:
  - $top/docs/alerts.yaml

scrape_configs:
  - job_name: seal-km
    scheme: https
    tls_config:
      ca_file: $dir/ca.crt
    static_configs:
      - targets: [ 'localhost:$port' ]
END
}

# wait_for SECONDS COMMAND ...: until the command succeeds
wait_for() {
    local tries=$(($1 * 10))
    shift
    while ! "$@" > /dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}

start_redis() {
    redis-server --port 0 --unixsocket "$dir/redis.sock" --unixsocketperm 777 \
        --save '' --appendonly no --dir "$dir" > "$dir/redis.log" 2>&1 &
    pids="$pids $!"
    wait_for 10 redis-cli -s "$dir/redis.sock" PING ||
        { cat "$dir/redis.log"; die "Redis did not start"; }
}

start_nginx() {
    nginx -p "$dir" -e "$dir/error.log" -c "$dir/nginx.conf" 2> "$dir/nginx.out" &
    pids="$pids $!"
    wait_for 10 curl -s -o /dev/null --cacert "$dir/ca.crt" "$uri" ||
        { cat "$dir/nginx.out" "$dir/error.log"; die "nginx did not start"; }
}

start() {
    local port
    [ -f "$module" ] || die "$module is missing: \"make\" builds it"
    trap stop EXIT
    trap 'exit 130' INT
    trap 'exit 143' HUP TERM
    dir=$(mktemp -d "${TMPDIR:-/tmp}/seal-km-demo.XXXXXX")
    # a worker of an nginx that root starts is another user
    chmod 711 "$dir"
    port=$(free_port) || die "no free port"
    uri=https://localhost:$port/seal-km

    make_certificates
    "$top/tools/mint-token.pl" --make-key "$dir/sim-s.jwk" > "$dir/jwks.json"
    "$top/tools/seal-km-records" keygen "$dir/record-keys.json" --kid demo > /dev/null
    write_configuration "$port"
    write_prometheus "$port"
    start_redis
    start_nginx
}

# ---------------------------------------------------------------- exchanges

mint() {
    "$top/tools/mint-token.pl" --key "$dir/sim-s.jwk" --issuer "$issuer" \
        --audience "$audience" --subject alice "$@"
}

# body [NAME=TEXT ...]: a request; each argument sets a member
body() {
    perl -MJSON::PP -e '
        my %set = (Version => "1.0.0", SKmsUri => shift, ServiceID => shift,
                   "Date/Time" => time);
        for (@ARGV) { /^([^=]+)=(.*)/ and $set{$1} = $2 }
        $set{"Date/Time"} += 0;
        my $n = 0;
        my %order = map { $_ => $n++ } qw(Version SKmsUri ServiceID UserID);
        print JSON::PP->new->sort_by(sub {
            ($order{$JSON::PP::a} // 9) <=> ($order{$JSON::PP::b} // 9) })
            ->encode(\%set)' "$uri" "$service" "$@"
}

# the answer with one member a line, in the order of the specification's table
pretty() {
    perl -MJSON::PP -0777 -ne '
        my $n = 0;
        my %order = map { $_ => $n++ } qw(UserUri SKmsUri ServiceID SKmsID
            ClientID DeviceID UserID Date/Time ErrorCode Payload
            userUri skmsId valService valTgtUe keyInfo);
        print JSON::PP->new->utf8->pretty->sort_by(sub {
            ($order{$JSON::PP::a} // 9) <=> ($order{$JSON::PP::b} // 9) })
            ->encode(decode_json($_)) =~ s/^/    /gmr' "$dir/answer"
}

# member NAME: its value in the answer, or nothing
member() {
    perl -MJSON::PP -0777 -ne '
        BEGIN { $name = shift } print decode_json($_)->{$name} // ""' \
        "$1" "$dir/answer"
}

title() {
    printf '\n== %s\n\n' "$*"
}

# post TOKEN BODY: shows the command, with $TOKEN for the token, and the answer
post() {
    local token=$1 text=$2 authorization=()
    printf '  $ curl --cacert ca.crt %s \\\n' "$uri"
    if [ -n "$token" ]; then
        # shellcheck disable=SC2016
        printf '      -H "Authorization: Bearer $TOKEN" \\\n'
        authorization=(-H "Authorization: Bearer $token")
    fi
    printf "      --json '%s'\n\n" "$text"

    status=$(curl -sS --max-time 10 --cacert "$dir/ca.crt" -o "$dir/answer" \
        -w '%{http_code}' ${authorization[@]+"${authorization[@]}"} \
        --json "$text" "$uri") || die "curl got no answer"
    echo "  HTTP $status"
    pretty
}

# retrieve TOKEN TARGET: the same for a VAL server, which asks with a GET
retrieve() {
    local records=${uri%/seal-km}/ss-kir/v1/key-records
    local query=(--data-urlencode "val-service-id=$service"
                 --data-urlencode "val-tgt-ue=$2")
    printf '  $ curl --cacert ca.crt -G %s \\\n' "$records"
    # shellcheck disable=SC2016
    printf '      -H "Authorization: Bearer $TOKEN" \\\n'
    printf "      --data-urlencode '%s' \\\\\n" "${query[1]}"
    printf "      --data-urlencode '%s'\n\n" "${query[3]}"

    status=$(curl -sS --max-time 10 --cacert "$dir/ca.crt" -o "$dir/answer" \
        -w '%{http_code}' -H "Authorization: Bearer $1" -G "${query[@]}" \
        "$records") || die "curl got no answer"
    echo "  HTTP $status"
    pretty
}

# expect STATUS MEMBER VALUE: what the answer should have been
expect() {
    local value
    value=$(member "$2")
    if [ "$status" = "$1" ] && [ "$value" = "$3" ]; then
        echo "  as it should be: HTTP $1, $2 $3"
    else
        echo "  WRONG: HTTP $status, $2 \"$value\"; HTTP $1, $2 $3 was expected"
        failures=$((failures + 1))
    fi
}

store() {
    # shellcheck disable=SC2016
    printf "  \$ redis-cli -s \$dir/redis.sock SET '%s' '%s'\n" "$1" "$2"
    printf '  %s\n\n' "$(redis-cli -s "$dir/redis.sock" SET "$1" "$2")"
}

# look NAME: what whoever may read Redis sees
look() {
    # shellcheck disable=SC2016
    printf "  \$ redis-cli -s \$dir/redis.sock GET '%s'\n" "$1"
    redis-cli -s "$dir/redis.sock" GET "$1" | fold -w 72 | sed 's/^/  /'
    echo
}

# encrypt USER TEXT: the user's record, encrypted and bound to its name
encrypt() {
    # shellcheck disable=SC2016
    printf "  \$ printf '%%s' '%s' | seal-km-records put %s --user %s \\\\\n" "$2" "$service" "$1"
    # shellcheck disable=SC2016
    printf '        --key record-keys.json -- -s $dir/redis.sock\n'
    printf '%s' "$2" | "$top/tools/seal-km-records" put "$service" --user "$1" \
        --key "$dir/record-keys.json" -- -s "$dir/redis.sock" | sed 's/^/  /'
    echo
}

copy() {
    # shellcheck disable=SC2016
    printf "  \$ redis-cli -s \$dir/redis.sock COPY '%s' '%s' REPLACE\n" "$1" "$2"
    printf '  %s\n\n' "$(redis-cli -s "$dir/redis.sock" COPY "$1" "$2" REPLACE)"
}

demo() {
    local token
    token=$(mint)
    echo "An nginx with the SEAL KM module listens at $uri,"
    echo "with a Redis of its own behind it. The SIM-S, which issues the access"
    echo "tokens, is played by tools/mint-token.pl."

    title "The operator provisions key material for the user alice, and she gets it"
    store "seal:km:$service:user:alice" "$key_material"
    post "$token" "$(body UserID=alice)"
    expect 200 Payload "$key_material"

    title "The same record, encrypted: Redis does not have it any more, and alice does"
    echo "  The plain record, as whoever may read Redis sees it:"
    look "seal:km:$service:user:alice"
    encrypt alice "$key_material"
    echo "  And the encrypted one:"
    look "seal:km:$service:user:alice"
    post "$token" "$(body UserID=alice)"
    expect 200 Payload "$key_material"

    title "A VAL server asks for it, over the other interface (TS 29.549)"
    retrieve "$token" '{"valUserId":"alice"}'
    expect 200 keyInfo "$key_material"

    title "Somebody who may write to Redis gives it to mallory: refused, ErrorCode 01"
    copy "seal:km:$service:user:alice" "seal:km:$service:user:mallory"
    post "$(mint --subject mallory)" "$(body UserID=mallory)"
    expect 500 ErrorCode 01

    title "No access token: refused, ErrorCode 03"
    post "" "$(body UserID=alice)"
    expect 401 ErrorCode 03

    title "An access token that has expired: refused, 03"
    post "$(mint --lifetime -60)" "$(body UserID=alice)"
    expect 401 ErrorCode 03

    title "A request of a minute ago, perhaps a replay: refused, 04"
    post "$token" "$(body UserID=alice Date/Time=$(($(date +%s) - 60)))"
    expect 403 ErrorCode 04

    title "A request that is meant for another key management server: refused, 04"
    post "$token" "$(body UserID=alice SKmsUri=https://skm.other.example/)"
    expect 403 ErrorCode 04

    title "alice's token, but the key of bob: refused, 04"
    store "seal:km:$service:user:bob" c2VjcmV0LWtleS1vZi1ib2I=
    post "$token" "$(body UserID=bob)"
    expect 403 ErrorCode 04

    title "A service that has no record: not found, 02"
    post "$token" "$(body ServiceID=other.example)"
    expect 404 ErrorCode 02

    title "What nginx's access log says of these (the variables of the module)"
    # the first line is the look whether nginx is up
    sed -e 1d -e 's/^/  /' "$dir/access.log"

    echo
    [ "$failures" = 0 ] || die "$failures answers were wrong"
    echo "All 10 answers were as they should be."
}

run() {
    mint --lifetime 3600 > "$dir/token"
    redis-cli -s "$dir/redis.sock" SET "seal:km:$service:user:alice" \
        "$key_material" > /dev/null
    cat <<END
The SEAL KM server listens at $uri until Ctrl-C.

Ask for the key of alice (the token in the file is valid for an hour):

  curl --cacert $dir/ca.crt $uri \\
      -H "Authorization: Bearer \$(cat $dir/token)" \\
      --json '{"Version":"1.0.0","SKmsUri":"$uri","ServiceID":"$service","UserID":"alice","Date/Time":'\$(date +%s)'}'

Look at the record, and change it:

  redis-cli -s $dir/redis.sock GET seal:km:$service:user:alice
  redis-cli -s $dir/redis.sock SET seal:km:$service:user:alice 'another key' EX 600

Encrypt it, and look again:

  printf 'a third key' | $top/tools/seal-km-records put $service --user alice \\
      --key $dir/record-keys.json -- -s $dir/redis.sock

Make a token with other claims (--help tells which):

  $top/tools/mint-token.pl --key $dir/sim-s.jwk \\
      --issuer $issuer --audience $audience --subject bob > $dir/token

See what was counted, as Prometheus does:

  curl --cacert $dir/ca.crt ${uri%/seal-km}/metrics

Have Prometheus look at it, and show docs/grafana.json in Grafana with
http://127.0.0.1:9090 as data source (docs/monitoring.md has more of it):

  prometheus --config.file=$dir/prometheus.yml \\
      --storage.tsdb.path=$dir/prometheus --web.listen-address=127.0.0.1:9090

Read the configuration and the logs:

  $dir/nginx.conf  $dir/access.log  $dir/error.log
END
    # shellcheck disable=SC2086
    wait -n $pids || :
    die "a server has ended"
}

main() {
    case ${1:-demo} in
        demo | run) ;;
        *) die "usage: tools/demo.sh [run]" ;;
    esac
    start
    "${1:-demo}"
}

main "$@"
