#!/bin/sh
# Prints the users of users.acl as Redis reads them: `--aclfile`, or `ACL SETUSER` and each line's rest.
set -eu

hash() { printf %s "$1" | sha256sum | cut -c 1-64; }

control_plane=$(hash "${REDIS_CONTROL_PLANE_PASSWORD:?}")
pod=$(hash "${REDIS_POD_PASSWORD:?}")

{ grep -v '^ *#' "$(dirname "$0")/users.acl" | tr -s '\n ' ' ' && echo; } |
    sed -e 's/^ *//' -e 's/ *$//' -e 's/ user /\nuser /g' \
        -e "s/#CONTROL_PLANE_PASSWORD/#$control_plane/" -e "s/#POD_PASSWORD/#$pod/"
