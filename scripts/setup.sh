#!/bin/sh
# Prepares a Debian machine: system packages, Open vSwitch running, and the Python environment in .venv.
# What is there already is left as it is, so it may run as often as one likes.
#   scripts/setup.sh [run|dev]     dev adds what the tests need
set -eu
cd "$(dirname "$0")/.."
kind=${1:-run}
uv_version=0.13.9
packages="openvswitch-switch dnsmasq-base radvd nftables iproute2 conntrack tcpdump iputils-ping ethtool busybox kmod
          procps python3-venv ca-certificates"
[ "$kind" = dev ] && packages="$packages iperf3 curl knot"
began=$(date +%s)

say()  { printf '%4ss  %s\n' "$(($(date +%s) - began))" "$*"; }
fail() { printf 'setup: %s\n' "$1" >&2; printf '       -> %s\n' "$2" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "this runs as user $(id -un); packages and namespaces need root." "sudo make ${MAKECMDGOALS:-setup}"
command -v apt-get >/dev/null || fail "there is no apt-get: this machine is not Debian." \
    "Install by hand: $(echo $packages); then .venv from requirements/$kind.txt (README, Other systems)."
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "Python 3.11 or newer is needed; $(python3 --version 2>&1 || echo 'none is installed')." "Use Debian 12 or newer."
[ "$kind" = dev ] || scripts/look.sh "${HEDDLE_SERVER_PORT:-9696}" || fail "something is in the way (above); nothing was touched." "Mend it, then run this again."

missing=
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
    say "$(echo $missing | wc -w) system packages to install"
    echo $missing | fold -s -w 90 | sed 's/^/       /'
    export DEBIAN_FRONTEND=noninteractive
    # The tests start a DNS server of their own: that of the package must not start, now or with the next boot.
    masked=
    case " $missing " in
        *" knot "*) [ ! -d /run/systemd/system ] || { systemctl -q mask knot; masked=1; } ;;
    esac
    log=$(mktemp)
    { apt-get -q update && apt-get -q install -y --no-install-recommends $missing; } >"$log" 2>&1 || {
        tail -n 15 "$log" >&2
        rm -f "$log"
        fail "the system packages could not be installed (last lines above)." \
            "Check the network and /etc/apt/sources.list*, try 'apt-get update', then run this again."
    }
    rm -f "$log"
    [ -z "$masked" ] || { systemctl -q unmask knot; systemctl -q disable knot; }
else
    say "system packages: all there"
fi

say "Open vSwitch"
. scripts/vswitch.sh

if [ ! -x ".tools/bin/uv" ] || [ "$(.tools/bin/uv --version | cut -d' ' -f2)" != "$uv_version" ]; then
    say "uv $uv_version"
    rm -rf .tools
    python3 -m venv .tools || fail "python3 -m venv failed." "apt-get install python3-venv"
    .tools/bin/pip --quiet --disable-pip-version-check install "uv==$uv_version" ||
        fail "uv could not be fetched with pip." "Check the network; behind a proxy set https_proxy, with an own index PIP_INDEX_URL."
fi

# The packages for the tests hold those for running, so an environment made for the tests serves both.
wanted() { cat "requirements/$1.txt" pyproject.toml scripts/setup.sh | sha256sum | cut -d' ' -f1; }
made() { [ "$(cat ".venv/.heddle-$1" 2>/dev/null)" = "$(wanted "$1")" ]; }
if ! made dev && { [ "$kind" = dev ] || ! made run; }; then
    say "Python environment (.venv, from requirements/$kind.txt)"
    index=$(.tools/bin/pip config get global.index-url 2>/dev/null || true)
    [ -z "${PIP_INDEX_URL:-$index}" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$index}}"
    export UV_SYSTEM_CERTS=true UV_LINK_MODE=copy
    [ -x .venv/bin/python ] || .tools/bin/uv --quiet venv --python "$(command -v python3)" .venv
    { .tools/bin/uv --quiet pip sync --python .venv/bin/python --require-hashes "requirements/$kind.txt" &&
        .tools/bin/uv --quiet pip install --python .venv/bin/python --no-deps --no-build-isolation --editable .; } ||
        fail "the Python packages could not be installed (message above)." "Check the network and run this again."
    rm -f .venv/.heddle-*
    .venv/bin/python -m compileall -q src .venv/lib 2>/dev/null || true
    wanted "$kind" >".venv/.heddle-$kind"
else
    say "Python environment: up to date"
fi
say "ready"
