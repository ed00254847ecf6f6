#!/bin/sh
# Boots virtual machines with Debian's cloud kernel: the demo on the kernel's Open vSwitch datapath, and power cuts in
# mid-load (docs/kernel.md). Installs QEMU where it is missing; the kernel itself is only unpacked, into build/kernel.
#   scripts/test-kernel.sh [demo] [power] [options]        --help lists them
set -eu
cd "$(dirname "$0")/.."
fail() { printf 'test-kernel: %s\n             -> %s\n' "$1" "$2" >&2; exit 1; }

[ -x .venv/bin/python ] || fail "there is no .venv." "make setup"
[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] || fail "this machine is not Debian on amd64." "Run it on one that is."
missing=
for pair in qemu-system-x86_64:qemu-system-x86 depmod:kmod mkfs.ext4:e2fsprogs busybox:busybox setpriv:util-linux; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
if [ -n "$missing" ]; then
    [ "$(id -u)" = 0 ] || fail "these packages are missing:$missing" "apt-get install --no-install-recommends$missing"
    printf 'to install:%s\n' "$missing"
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -q install -y --no-install-recommends $missing || {
        apt-get -q update && apt-get -q install -y --no-install-recommends $missing
    }; } >"$log" 2>&1 || {
        tail -n 15 "$log" >&2
        rm -f "$log"
        fail "the packages could not be installed (last lines above)." "Check the network and /etc/apt/sources.list*."
    }
    rm -f "$log"
fi
exec .venv/bin/python -m tests.kernel.run "$@"
