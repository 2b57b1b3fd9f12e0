#!/bin/sh
# "config" lists the module's files by hand: tells of any that it lacks, and of
# any that it lists and that does not exist.
set -eu

cd "$(dirname "$0")/.."
status=0

for file in *.c src/*/*.[ch]; do
    if ! grep -q "^ *$file " config; then
        echo "config does not list $file"
        status=1
    fi
done

listed=$(sed -n 's|^ *\([a-z_/]*\.[ch]\) .*|\1|p' config)
for file in $listed; do
    if [ ! -f "$file" ]; then
        echo "config lists $file, which does not exist"
        status=1
    fi
done

exit $status
