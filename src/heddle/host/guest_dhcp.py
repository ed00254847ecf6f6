"""The DHCP client of a lab guest: busybox's udhcpc, with a script of ours that applies what the server said."""

from __future__ import annotations

import tempfile
from pathlib import Path

from heddle.errors import HeddleError
from heddle.host import netns
from heddle.host.netlink import within
from heddle.host.run import CommandError, run

_COMMAND_MISSING = 127
TRIES = 15

SCRIPT = """#!/bin/sh
# Applies a DHCP lease to $interface of a lab guest; $1 says what happened.
case "$1" in
bound | renew)
    [ -n "$mtu" ] && ip link set "$interface" mtu "$mtu"
    ip addr replace "$ip/${mask:-32}" dev "$interface"
    ip -4 -o addr show dev "$interface" | while read -r _ _ _ old _; do
        [ "$old" = "$ip/${mask:-32}" ] || ip addr del "$old" dev "$interface"
    done
    if [ -n "$staticroutes" ]; then
        set -- $staticroutes
        while [ $# -ge 2 ]; do
            case "$2" in
            0.0.0.0) ip route replace "$1" dev "$interface" ;;
            *) ip route replace "$1" via "$2" dev "$interface" onlink ;;
            esac
            shift 2
        done
    else
        for gateway in $router; do
            ip route replace default via "$gateway" dev "$interface" onlink
            break
        done
    fi
    {
        [ -n "$domain" ] && echo "search $domain"
        for server in $dns; do echo "nameserver $server"; done
    } >"$RESOLV_CONF"
    ;;
esac
"""


def lease(namespace: str, folder: Path) -> bool:
    """Get a lease for eth0 and apply it; whether there was one.  `folder` is the guest's below /etc/netns.

    Raises `HeddleError` when the client is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="heddle-dhcp-") as own:
        script = Path(own) / "script"
        script.write_text(SCRIPT, encoding="utf-8")
        script.chmod(0o755)
        return _ask(namespace, folder, script)


def _ask(namespace: str, folder: Path, script: Path) -> bool:
    client = ["udhcpc", "-f", "-q", "-n", "-t", str(TRIES), "-T", "1", "-i", "eth0", "-s", str(script)]
    options = [part for option in ("mtu", "staticroutes") for part in ("-O", option)]
    command = ["env", f"RESOLV_CONF={folder}/resolv.conf", "busybox", *client, *options]
    try:
        within(netns.path_of(namespace), lambda: run(command, timeout=TRIES + 15))
    except CommandError as error:
        if error.status == _COMMAND_MISSING:
            raise HeddleError("the DHCP client is missing: install the package busybox") from error
        return False
    return True
