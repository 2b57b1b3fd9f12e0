#!/bin/sh
# Whether the compiler is gcc, and not one that says so for compatibility: some
# flags are gcc's alone.
#
#   tools/is-gcc.sh COMPILER
set -eu

macros=$("$1" -dM -E -x c /dev/null)

case $macros in
    *__clang__*) exit 1 ;;
    *__GNUC__*) ;;
    *) exit 1 ;;
esac
