#!/bin/sh
# What the suite needs besides Python packages: Chromium, letters for Japanese and Arabic names, axe-core.
# As root on Debian the missing ones are installed; anywhere else one sentence says what to install.
set -eu
cd "$(dirname "$0")/.."
axe=4.14.1
system=$(. /etc/os-release 2>/dev/null && echo "$ID" || uname)

chromium_is_there() {
    [ -n "${CHROMIUM:-}" ] && [ -x "$CHROMIUM" ] && return
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null 2>&1 && return
    done
    for name in Chromium "Google Chrome"; do
        [ -x "/Applications/$name.app/Contents/MacOS/$name" ] && return
    done
    return 1
}

letters_are_there() {   # $1: a language
    [ -n "$(fc-list ":lang=$1" family 2>/dev/null)" ]
}

axe_is_there() {
    grep -q "\"version\": \"$axe\"" build/node_modules/axe-core/package.json 2>/dev/null
}

missing() {
    chromium_is_there || echo chromium
    axe_is_there || command -v npm >/dev/null 2>&1 || echo npm
    if [ "$system" = debian ]; then
        letters_are_there ar || echo fonts-dejavu-core
        letters_are_there ja || echo fonts-droid-fallback
    fi
}

wanted=$(missing | tr '\n' ' ')
if [ -n "$wanted" ]; then
    if [ "$system" = debian ] && [ "$(id -u)" = 0 ]; then
        echo "Installing $wanted(once)."
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update
        # shellcheck disable=SC2086  # a list of names
        apt-get -qq install -y --no-install-recommends $wanted >/dev/null
    else
        echo "The tests need these, please install them first: $wanted(a Chromium at a place of its own: CHROMIUM=/its/path make test)." >&2
        exit 1
    fi
fi

if ! axe_is_there; then
    mkdir -p build
    npm install --prefix build --no-save --no-package-lock --no-audit --no-fund --silent "axe-core@$axe"
fi
