#!/bin/sh
# Runs sqlite-courier as PUID:PGID, the owner of the databases: root would leave files beside them that their
# application can't write. A container that was started as somebody else (`user:`) stays that.
set -eu

if [ "$(id -u)" != 0 ]; then
    exec sqlite-courier "$@"
fi
if [ "$PUID" = 0 ] || [ "$PGID" = 0 ]; then
    echo "PUID and PGID must not be 0: set them to the owner of the databases (stat -c '%u %g' FILE)." >&2
    exit 2
fi
# Its own folder, which Docker or an admin has made as root. What lies in it, and the databases, keep their owners.
if [ "$(stat -c %u .)" = 0 ]; then
    chown "$PUID:$PGID" .
fi
export HOME="$PWD" # and not root's, which is closed
exec setpriv --reuid "$PUID" --regid "$PGID" --clear-groups --no-new-privs sqlite-courier "$@"
