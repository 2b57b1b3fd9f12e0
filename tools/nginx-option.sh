#!/bin/sh
# Prints what nginx was configured with, e.g. "nginx-option.sh modules-path".
set -eu

PATH=$PATH:/usr/sbin
value=$(nginx -V 2>&1 | tr ' ' '\n' | sed -n "s/^--$1=//p" | head -n 1)

if [ -z "$value" ]; then
    echo "nginx -V does not tell --$1" >&2
    exit 1
fi
echo "$value"
