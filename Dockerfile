# The SEAL key management server: Debian's nginx with ngx_http_seal_km_module.
#
#   docker build -t seal-km .
#   docker run -p 8443:8443 -v /srv/seal-km:/etc/seal-km:ro \
#       -e REDIS_ADDRESS=redis.example:6379 \
#       -e SEAL_KM_URI=https://skm-s.example/seal-km \
#       -e SEAL_KM_ISSUER=https://sim-s.example \
#       -e SEAL_KM_AUDIENCE=skm-s -e SEAL_KM_SCOPE=seal:km seal-km
#
# /srv/seal-km holds jwks.json, the SIM-S's public keys, and tls.crt and tls.key,
# all readable for the user 33 (www-data) that nginx runs as. Instead of the
# variables a whole configuration may be mounted as /etc/nginx/nginx.conf.

ARG DEBIAN=trixie-slim

FROM debian:${DEBIAN} AS build

WORKDIR /src
COPY config Makefile ngx_http_seal_km_module.c ./
COPY src src
COPY tools tools
RUN tools/setup.sh build && make && make install-module DESTDIR=/image

# The packages that the module needs have other names in other releases, and it
# loads only into the nginx that it was built for.
RUN ldd build/ngx_http_seal_km_module.so | awk '/=> \// { print $3 }' \
        | xargs -n 1 realpath | xargs dpkg -S 2>/dev/null | cut -d : -f 1 \
        | sort -u > /packages \
    ; dpkg-query -W -f '${Package}=${Version}\n' nginx >> /packages \
    && cat /packages


FROM debian:${DEBIAN}

COPY --from=build /packages /packages
RUN apt-get update \
    && xargs -a /packages apt-get install -y --no-install-recommends \
    && rm -rf /var/lib/apt/lists/* /packages
COPY --from=build /image /
COPY tools/docker-entrypoint.sh /usr/local/bin/
COPY tools/docker-nginx.conf /etc/nginx/nginx.conf

USER 33:33
EXPOSE 8443
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/usr/local/bin/docker-entrypoint.sh"]
