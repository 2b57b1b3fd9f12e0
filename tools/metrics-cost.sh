#!/bin/bash
# What it costs a request to be counted: instructions, as valgrind's callgrind
# counts them in the functions of src/http/ngx_http_seal_km_count.c and in what
# these call, in an nginx that answers requests. Fails where it is more than 150.
#
#   tools/metrics-cost.sh
#
# valgrind has the system's clock read by a system call, as it is where there is
# no vDSO, so what the kernel does to read it is not among them. It is read when
# the request comes, when Redis is asked and when it has answered, or with the
# response where no record is needed.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
module=${SEAL_KM_MODULE:-$top/build/ngx_http_seal_km_module.so}
PATH=$PATH:/usr/sbin
most=150

work=$(mktemp -d)
pids=
trap 'kill $pids 2> /dev/null || :; wait; rm -rf "$work"' EXIT
chmod 711 "$work"

write_configuration() {
    cat > "$work/nginx.conf" <<END
load_module $module;
daemon off;
master_process off;
pid $work/pid;
error_log $work/error.log;
events {}
http {
    access_log off;
    client_body_temp_path $work/tmp;
    proxy_temp_path $work/tmp;
    fastcgi_temp_path $work/tmp;
    uwsgi_temp_path $work/tmp;
    scgi_temp_path $work/tmp;
    seal_km_zone name=z 1m;
    seal_km_zone z;
    server {
        listen unix:$work/nginx.sock;
        location = /metrics { seal_km_metrics; }
        location = /km {
            seal_km_pass unix:$work/redis.sock;
            seal_km_redis_timeout 50s;
            seal_km_redis_connect_timeout 50s;
            seal_km_require_tls off;
            seal_km_window 1h;
            seal_km_uri https://skm-s.example/;
            seal_km_jwks $work/jwks.json;
            seal_km_issuer i;
            seal_km_audience a;
            seal_km_scope off;
        }
    }
}
END
}

ask() {
    curl -s --unix-socket "$work/nginx.sock" "$@"
}

post() {
    local text
    text='{"Version":"1.0.0","SKmsUri":"https://skm-s.example/","ServiceID":"s","Date/Time":'$(date +%s)'}'
    ask -o /dev/null -H "Authorization: Bearer $1" -H 'Expect:' --json "$text" \
        http://localhost/km
}

# wait_for COMMAND ...
wait_for() {
    local tries=600
    until "$@" > /dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cat "$work"/*.log >&2; exit 1; }
        sleep 0.1
    done
}

# collect TOKEN N: instructions of N requests with it
collect() {
    local nginx i
    valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --toggle-collect='ngx_http_seal_km_count_*' \
        nginx -p "$work" -e "$work/error.log" -c "$work/nginx.conf" \
        > "$work/valgrind.log" 2>&1 &
    nginx=$!
    wait_for ask http://localhost/metrics
    for ((i = 0; i < $2; i++)); do
        post "$1"
    done
    ask http://localhost/metrics > "$work/metrics"
    kill -QUIT "$nginx"
    wait "$nginx"
    [ "$(sed -n 's/^seal_km_request_seconds_count //p' "$work/metrics")" = \
        "$2" ] || { echo 'not all were counted' >&2; exit 1; }
    awk '/Collected/ { print $NF }' "$work/valgrind.log"
}

# The first call of a function of the system's has it looked for: what 10 more
# requests take is what one takes ever after.
row() {
    local few many n
    few=$(collect "$2" 5)
    many=$(collect "$2" 15)
    n=$(((many - few + 5) / 10))
    echo "| $1 | $n |"
    [ "$n" -gt 0 ] && [ "$n" -lt $most ]
}

redis-server --port 0 --unixsocket "$work/redis.sock" --unixsocketperm 777 \
    --save '' --appendonly no --dir "$work" > "$work/redis.log" 2>&1 &
pids="$pids $!"
wait_for redis-cli -s "$work/redis.sock" SET seal:km:s:service K

"$top/tools/mint-token.pl" --make-key "$work/key" > "$work/jwks.json"
write_configuration
token=$("$top/tools/mint-token.pl" --key "$work/key" --issuer i --audience a \
    --subject s --lifetime 3600)

echo '| request | instructions |'
echo '|---|---|'
row 'a record' "$token"
row 'refused: token_malformed' x
