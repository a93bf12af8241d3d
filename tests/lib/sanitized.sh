#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs a test and fails it when a sanitizer wrote a report, also when that was not the process whose exit code
# counts: one of Criterion's workers, or a server that the test started.
reports=$(mktemp -d /tmp/stet-reports-XXXXXX) || exit 1
trap 'rm -rf "$reports"' EXIT

export ASAN_OPTIONS="log_path=$reports/asan:allocator_may_return_null=1:${ASAN_OPTIONS-}"
export UBSAN_OPTIONS="log_path=$reports/ubsan:print_stacktrace=1:${UBSAN_OPTIONS-}"
here=$(cd "$(dirname "$0")" && pwd)
export TSAN_OPTIONS="log_path=$reports/tsan:suppressions=$here/../tsan/suppressions:${TSAN_OPTIONS-}"
"$@"
code=$?

if [ -n "$(ls -A "$reports")" ]; then
        echo "sanitizer reports:" >&2
        cat "$reports"/* >&2
        [ "$code" -ne 0 ] || code=1
fi
exit "$code"
