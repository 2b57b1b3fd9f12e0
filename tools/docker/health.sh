#!/bin/bash
# HEALTHCHECK of the container image: whether seal_km_ready says that this server
# can serve. The image has no HTTP client, and this needs none.
set -eu

exec 3<> /dev/tcp/127.0.0.1/8081
printf 'GET /ready HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
answer=$(cat <&3)
echo "${answer##*$'\n'}"
[[ $answer == 'HTTP/1.1 200 '* ]]
