#!/bin/sh
# Starts nginx in the container image: templates/*.template become configuration
# by envsubst, as in nginx's own image. Every environment variable SEAL_KM_NAME is
# the directive seal_km_name of the key management location.
set -eu

templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
output=/tmp/nginx
newline='
'

die() {
    echo "entrypoint.sh: $*" >&2
    exit 1
}

# check NAME VALUE: a character that ends a directive, or begins a block or a
# comment, is one that somebody has mistyped
check() {
    case $2 in
        *[\;\{\}\"\'\\\#]* | *"$newline"*)
            die "$1 has a character that cannot be part of it" ;;
    esac
}

names() {
    env | sed -n "s/^\($1[A-Z0-9_]*\)=.*/\1/p" | sort
}

# the directives that the environment names, those with no value left out
directives() {
    for name in $(names SEAL_KM_); do
        eval "value=\${$name:-}"
        [ -n "$value" ] || continue
        [ "${name%_PASSWORD}" = "$name" ] ||
            die "$name would be seen by whoever sees the environment:" \
                "${name}_FILE names a file"
        check "$name" "$value"
        echo "$(echo "$name" | tr '[:upper:]' '[:lower:]') $value;"
    done
    if [ -n "${SIM_S_JWKS_URL:-}" ]; then
        echo "seal_km_jwks_request /sim-s-keys;"
    elif [ -z "${SEAL_KM_JWKS:-}" ]; then
        echo "seal_km_jwks /etc/seal-km/jwks.json;"
    fi
}

# the location is the path of the first URI
path() {
    printf '%s\n' "${1%% *}" | sed -n 's|^[^:/?]*://[^/?]*\(/[^?]*\).*|\1|p'
}

# the container's own name servers, so that names are asked for again
resolver() {
    addresses=$(awk '$1 == "nameserver" { print $2 ~ /:/ ? "[" $2 "]" : $2 }' \
                    /etc/resolv.conf | tr '\n' ' ')
    [ -z "$addresses" ] || echo "resolver $addresses valid=30s;"
}

render() {
    for name in SEAL_KM_PASS SEAL_KM_URI SEAL_KM_ISSUER SEAL_KM_AUDIENCE \
        SEAL_KM_SCOPE
    do
        eval "[ -n \"\${$name:-}\" ]" ||
            die "the environment variable $name is not set"
    done
    for name in TLS_CERTIFICATE TLS_CERTIFICATE_KEY SIM_S_JWKS_URL SIM_S_CA \
        ZONE_SIZE
    do
        eval "check $name \"\${$name:-}\""
    done

    LOCATION=$(path "$SEAL_KM_URI")
    LOCATION=${LOCATION:-/}
    DIRECTIVES=$(directives)
    RESOLVER=$(resolver)
    # a location that nobody leads to, where there is none
    SIM_S_JWKS_URL=${SIM_S_JWKS_URL:-http://127.0.0.1:9/}
    export LOCATION DIRECTIVES RESOLVER SIM_S_JWKS_URL

    umask 077
    mkdir -p "$output"
    variables=$(names '' | sed 's/.*/${&}/')
    for template in "$templates"/*.template; do
        name=$(basename "$template" .template)
        envsubst "$variables" < "$template" > "$output/$name"
    done
}

[ $# = 0 ] || exec "$@"

# a whole configuration may be mounted, which has no need of the environment
if grep -q "include $output/" /etc/nginx/nginx.conf; then
    render
fi
exec nginx -e stderr
