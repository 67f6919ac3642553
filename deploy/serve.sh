#!/bin/sh
# Serve, and serve again after the two ends that a fresh start mends; any other end is the last.
# The server runs beside the shell, not under it, so that a SIGTERM for this script reaches it; Ctrl-C reaches both by itself.
cd "$(dirname "$0")/.." || exit 1
last=no
trap 'last=yes' INT
trap 'last=yes; kill -TERM "$server" 2>/dev/null' TERM HUP
while :; do
    .venv/bin/python contest.py serve "$@" &
    server=$!
    while wait "$server"; code=$?; kill -0 "$server" 2>/dev/null; do :; done
    [ $last = yes ] && exit "$code"
    case $code in
        70) echo "The server had stopped answering and ended itself. Starting again; nothing that was saved is lost." >&2 ;;
        74) echo "The disk did not confirm a write, so the server ended. Starting again from what is safely on disk." >&2 ;;
        *) exit "$code" ;;
    esac
    sleep 1
done
