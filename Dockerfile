# The SEAL key management server: Debian's nginx with ngx_http_seal_km_module.
#
#   docker build -t seal-km .
#   docker run --read-only --tmpfs /tmp -p 8443:8443 -v /srv/seal-km:/etc/seal-km:ro \
#       -e SEAL_KM_PASS=redis.example:6379 \
#       -e SEAL_KM_URI=https://skm-s.example/seal-km \
#       -e SEAL_KM_ISSUER=https://sim-s.example \
#       -e SEAL_KM_AUDIENCE=skm-s -e SEAL_KM_SCOPE=seal:km seal-km
#
# docs/install.md has all variables, docs/examples/compose.yaml a whole set of
# services. "make image-test" does these very lines in a chroot.

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
        ca-certificates gettext-base \
    && rm -rf /var/lib/apt/lists/* /packages
COPY --from=build /image /
COPY tools/docker/nginx.conf docs/examples/seal-km-audit.conf /etc/nginx/
COPY tools/docker/templates /etc/nginx/templates
COPY tools/docker/entrypoint.sh tools/docker/health.sh /usr/local/bin/

ENV TLS_CERTIFICATE=/etc/seal-km/tls.crt \
    TLS_CERTIFICATE_KEY=/etc/seal-km/tls.key \
    SIM_S_CA=/etc/ssl/certs/ca-certificates.crt \
    ZONE_SIZE=10m

USER 33:33
EXPOSE 8443 8081
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/usr/local/bin/health.sh"]
ENTRYPOINT ["/usr/local/bin/entrypoint.sh"]
