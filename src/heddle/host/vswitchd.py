"""Calls of ovs-vswitchd over its control socket (JSON-RPC), which cost no process."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path


def call(folder: Path, method: str, params: Sequence[str], seconds: float) -> dict[str, object]:
    """The whole answer, empty where vswitchd closed the connection without one; `folder` holds its sockets.

    Raises `OSError` where it cannot be asked, or says nothing for so many seconds.
    """
    pid = (folder / "ovs-vswitchd.pid").read_text(encoding="ascii").strip()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        connection.connect(str(folder / f"ovs-vswitchd.{pid}.ctl"))
        connection.sendall(json.dumps({"id": 0, "method": method, "params": list(params)}).encode())
        return _answer(connection)


def _answer(connection: socket.socket) -> dict[str, object]:
    """One JSON object."""
    data = b""
    while more := connection.recv(1 << 20):
        data += more
        if not more.rstrip().endswith(b"}"):
            continue
        try:
            reply = json.loads(data)
        except ValueError:
            continue
        if isinstance(reply, dict):
            return reply
    return {}
