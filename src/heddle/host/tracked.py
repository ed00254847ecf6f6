"""The connections that Open vSwitch tracks, and how they are forgotten.

When a network leaves the host its zone is free for another one, and when a port is deleted its addresses
are: what was established before must not let frames in for whoever comes next.  vswitchd is asked over
its control socket (JSON-RPC), which costs no process.

vswitchd 3.1 aborts when it is to forget an ICMPv6 connection by its address.  So those of an IPv6 address are named by
protocol, and its ICMPv6 echoes stay until they time out, which is within a minute.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path

from heddle.errors import HeddleError

TIMEOUT = 5.0
WITH_PORTS = (6, 17, 132)


class ControlError(HeddleError):
    """vswitchd cannot be asked, or refused."""


class Connections:
    """`folder` holds vswitchd's sockets and its pid file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def forget(self, zone: int, address: str = "") -> None:
        """Forget the connections of a zone, or those of one address in it.  Raises `ControlError`."""
        if not address:
            self._call("dpctl/flush-conntrack", [f"zone={zone}"])
            return
        matches = [f"ct_nw_{end}={address}" for end in ("src", "dst")]
        if ":" in address:
            ends = [f"ct_ipv6_{end}={address}" for end in ("src", "dst")]
            matches = [f"{end},ct_nw_proto={protocol}" for end in ends for protocol in WITH_PORTS]
        for match in matches:
            self._call("dpctl/flush-conntrack", [f"zone={zone}", match])

    def _call(self, method: str, params: Sequence[str]) -> str:
        try:
            pid = (self._folder / "ovs-vswitchd.pid").read_text(encoding="ascii").strip()
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(TIMEOUT)
                connection.connect(str(self._folder / f"ovs-vswitchd.{pid}.ctl"))
                connection.sendall(json.dumps({"id": 0, "method": method, "params": list(params)}).encode())
                reply = _read(connection)
        except OSError as error:
            raise ControlError(f"ovs-vswitchd cannot be asked to {method}: {error}") from error
        if reply.get("error"):
            raise ControlError(f"ovs-vswitchd: {method} {' '.join(params)}: {reply['error']}")
        return str(reply.get("result") or "")


def _read(connection: socket.socket) -> dict[str, object]:
    """One JSON object."""
    data = b""
    while more := connection.recv(65536):
        data += more
        try:
            reply = json.loads(data)
        except ValueError:
            continue
        if isinstance(reply, dict):
            return reply
    raise ControlError("ovs-vswitchd closed its control connection without an answer")
