#!/bin/sh
# "config" lists the module's files by hand: tells of any that it lacks, and of
# any that it lists and that does not exist.
set -eu

cd "$(dirname "$0")/.."
status=0

# seal_km_wing FOLDER PREFIX \, then a name in each line
listed=$(awk '/^seal_km_wing / { folder = $2; prefix = $3; next }
              /^$/ { folder = "" }
              folder { print folder "/" prefix $1 ".c" }' config | sort)
found=$(find src -name '*.c' | sort)

for file in $found; do
    if ! echo "$listed" | grep -qx "$file"; then
        echo "config does not list $file"
        status=1
    fi
done

for file in $listed; do
    if [ ! -f "$file" ]; then
        echo "config lists $file, which does not exist"
        status=1
    fi
done

exit $status
