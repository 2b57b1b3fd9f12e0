#!/bin/sh
# Starts nginx in the container image. The image's own configuration has places
# for environment variables; a mounted one without them is used as it is.
set -eu

configuration=/etc/nginx/nginx.conf
rendered=/tmp/nginx.conf
newline='
'

die() {
    echo "docker-entrypoint.sh: $*" >&2
    exit 1
}

# set_variable NAME VALUE: replaces @NAME@. Values with characters that mean
# something to nginx, or to sed, are none that any of these directives needs.
set_variable() {
    case $2 in
        '') die "the environment variable $1 is not set" ;;
        *[\;\{\}\"\'\\\|\$\&\#]* | *"$newline"*)
            die "$1 has a character that cannot be part of it" ;;
    esac
    sed -i "s|@$1@|$2|g" "$rendered"
}

# the location is the path of the first URI
uri_path() {
    printf '%s\n' "${1%% *}" | sed -n 's|^[^:/?]*://[^/?]*\(/[^?]*\).*|\1|p'
}

render() {
    cp "$configuration" "$rendered"
    chmod 600 "$rendered"
    set_variable REDIS_ADDRESS "${REDIS_ADDRESS:-}"
    set_variable SEAL_KM_ISSUER "${SEAL_KM_ISSUER:-}"
    set_variable SEAL_KM_AUDIENCE "${SEAL_KM_AUDIENCE:-}"
    set_variable SEAL_KM_SCOPE "${SEAL_KM_SCOPE:-}"
    set_variable SEAL_KM_URI "${SEAL_KM_URI:-}"
    path=$(uri_path "$SEAL_KM_URI")
    set_variable PATH "${path:-/}"
    set_variable MODULES "$(nginx -V 2>&1 | tr ' ' '\n' |
                            sed -n 's/^--modules-path=//p')"
}

[ $# = 0 ] || exec "$@"

if grep -q '^[^#]*@[A-Z_]*@' "$configuration"; then
    render
    configuration=$rendered
fi
exec nginx -e stderr -c "$configuration"
