#!/bin/sh
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# base_image.sh NAME: makes a base image for the Dockerfile where no image registry can be reached.
#
# Debian, of this machine's release and from the mirror that this machine's apt uses, with Python. It trusts the
# certificates that this machine trusts, and pip and uv in it use the package index that this machine's pip uses.
# An image of that name that is there already is kept.
set -eu

fail() {
    echo "base_image.sh: $1" >&2
    exit 1
}

[ $# -eq 1 ] || fail "usage: base_image.sh NAME"
name=$1
engine=${CONTAINER_ENGINE:-}
for candidate in docker podman; do
    if [ -z "$engine" ] && command -v "$candidate" >/dev/null && "$candidate" info >/dev/null 2>&1; then
        engine=$candidate
    fi
done
[ -n "$engine" ] || fail "neither Docker nor Podman answers: apt-get install docker.io and start dockerd"
if "$engine" image inspect "$name" >/dev/null 2>&1; then
    echo "$name is there already"
    exit 0
fi
[ "$(id -u)" -eq 0 ] || fail "debootstrap needs root"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
. /etc/os-release
[ "${ID:-}" = debian ] || fail "this machine runs ${ID:-an unknown system}, and the base is made of a Debian's own packages"
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' |
    awk -v release="$VERSION_CODENAME" '$2 == release && $3 == "main" {print $1; exit}')
[ -n "$mirror" ] || fail "apt knows no mirror of $VERSION_CODENAME main: apt-get update"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
echo "making $name of Debian $VERSION_CODENAME; this takes a minute or two"
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv "$VERSION_CODENAME" "$root" "$mirror" \
    >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; fail "debootstrap failed"; }

certificates=/etc/ssl/certs/ca-certificates.crt
cp "${SSL_CERT_FILE:-$certificates}" "$root$certificates"
setting() { # of pip: its value, unless it names something on this machine
    python3 -m pip config get "global.$1" 2>/dev/null | grep -v -e file: -e '^/' || true
}
index=${PIP_INDEX_URL:-$(setting index-url)}
extra=${PIP_EXTRA_INDEX_URL:-$(setting extra-index-url)}
{
    echo "[global]"
    echo "cert = $certificates"
    echo "timeout = ${PIP_DEFAULT_TIMEOUT:-60}"
    [ -z "$index" ] || echo "index-url = $index"
    [ -z "$extra" ] || echo "extra-index-url = $extra"
} >"$root/etc/pip.conf"
set -- --change "ENV SSL_CERT_FILE=$certificates"
[ -z "$index" ] || set -- "$@" --change "ENV UV_DEFAULT_INDEX=$index"
[ -z "$extra" ] || set -- "$@" --change "ENV UV_INDEX=$extra"

rm -rf "$root"/var/cache/apt "$root"/var/lib/apt/lists "$root"/var/log/* "$root"/usr/share/doc "$root"/usr/share/man \
    "$root"/usr/share/locale
tar -C "$root" -c . | "$engine" import "$@" --change 'CMD ["python3"]' - "$name" >/dev/null
echo "made $name"
