#!/bin/bash
# What nginx's headers want of the files that include them:
#
#   - they come before the C library's. They ask it for what it does not offer
#     by default (_GNU_SOURCE), and newer nginxes and their kin do not compile
#     without;
#   - only ngx_http_seal_km_compat.h asks for a version of nginx.
set -euo pipefail

cd "$(dirname "$0")/.."
status=0

# FILE HEADER: the first header of the system's, where nginx's come later.
# Headers of ours are looked for by their name, which only one has.
late() {
    awk '
        BEGIN {
            for (i = 1; i < ARGC; i++) {
                name = ARGV[i]
                sub(/.*\//, "", name)
                path[name] = ARGV[i]
            }
            for (i = 1; i < ARGC; i++) {
                if (ARGV[i] !~ /\.c$/) continue
                split("", seen)
                nginx = 0
                system_header = late_header = ""
                walk(ARGV[i])
                if (late_header != "") print ARGV[i], late_header
            }
            exit
        }

        function walk(file,    line, name, lines, n, k) {
            while ((getline line < file) > 0) {
                if (line ~ /^# *include/) lines[++n] = line
            }
            close(file)

            for (k = 1; k <= n; k++) {
                name = lines[k]
                gsub(/^# *include *[<"]|[>"].*/, "", name)
                if (name in seen) continue
                seen[name] = 1

                if (name in path) {
                    walk(path[name])
                } else if (name ~ /^(ngx_|nginx\.h)/) {
                    if (!nginx) late_header = system_header
                    nginx = 1
                } else if (system_header == "") {
                    system_header = name
                }
            }
        }' "$@"
}

mapfile -t files < <(find src ngx_http_seal_km_module.c -name '*.[ch]' | sort)

while read -r file header; do
    echo "$file includes <$header> before nginx's headers"
    status=1
done < <(late "${files[@]}")

if grep -nE 'nginx_version|angie_version|NGX_ANGIE' \
    "${files[@]}" | grep -v '^src/http/ngx_http_seal_km_compat\.h:'
then
    echo "only ngx_http_seal_km_compat.h asks for a version of nginx"
    status=1
fi

exit $status
