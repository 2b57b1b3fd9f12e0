#!/bin/bash
# Makes what compose.yaml mounts, in the folder "files" beside this or in another:
# a CA and certificates for server and Redis, a SIM-S's key set, users of Redis and
# their passwords. For trials: keys and passwords are readable for the users of the
# containers, so for all; in service they come as secrets.
#
#   files.sh [FOLDER]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/files}
mint=$here/../../../tools/mint-token.pl

# certificate NAME ALTNAMES: signed by the CA
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
    echo "subjectAltName=$2" > "$1.ext"
    openssl x509 -req -days 30 -in "$1.csr" -CA ca.crt -CAkey ca.key \
        -CAcreateserial -extfile "$1.ext" -out "$1.crt"
    rm "$1.csr" "$1.ext"
}

password() {
    openssl rand -hex 20 | tee "$1.password" | tr -d '\n' |
        openssl dgst -sha256 -r | cut -d ' ' -f 1
}

[ ! -e "$folder" ] || { echo "files.sh: $folder is there already" >&2; exit 1; }
mkdir -p "$folder"
cd "$folder"
mkdir skm-s redis sim-s

{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
        -subj '/CN=SEAL KM trial CA' -keyout ca.key -out ca.crt
    certificate tls DNS:localhost,IP:127.0.0.1
    certificate redis DNS:redis
} > openssl.log 2>&1 || { cat openssl.log >&2; exit 1; }

"$mint" --make-key sim-s.jwk > sim-s/jwks
{
    echo 'user default off'
    echo "user skms on #$(password redis) ~seal:km:* resetchannels -@all +get +client|setname"
    echo "user operator on #$(password operator) ~seal:km:* resetchannels -@all +ping +get +set +unlink +scan +pttl +strlen +eval"
} > redis/users.acl

mv tls.crt tls.key redis.password skm-s/
mv redis.crt redis.key redis/
cp ca.crt skm-s/
cp ca.crt redis/
rm -f openssl.log ca.srl
chmod -R a+rX .
echo "made $folder"
