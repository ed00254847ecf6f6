"""Plugging interfaces over an OVSDB connection, as a hypervisor's plug-in does: no process, one transaction each."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class Ovsdb:
    """`path` is the socket of ovsdb-server.  The connection lives as long as the `with` block."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._decoder = json.JSONDecoder()
        self._number = 0

    def __enter__(self) -> Ovsdb:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30)
        self._socket.connect(self._path)
        self._buffer = ""
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def transact(self, *operations: dict[str, Any]) -> list[dict[str, Any]]:
        """Raises `RuntimeError` when one is refused."""
        self._number += 1
        self._send("transact", ["Open_vSwitch", *operations], self._number)
        while True:
            message = self._receive()
            if message.get("method") == "echo":
                self._socket.sendall(json.dumps({"id": "echo", "result": message["params"], "error": None}).encode())
            elif message.get("id") == self._number:
                results: list[dict[str, Any]] = message["result"]
                bad = [each for each in results if each and each.get("error")]
                if bad:
                    raise RuntimeError(f"OVSDB: {bad}")
                return results

    def _send(self, method: str, params: list[Any], number: int) -> None:
        self._socket.sendall(json.dumps({"method": method, "params": params, "id": number}).encode())

    def _receive(self) -> dict[str, Any]:
        while True:
            self._buffer = self._buffer.lstrip()
            if self._buffer:
                try:
                    message, end = self._decoder.raw_decode(self._buffer)
                except ValueError:
                    pass
                else:
                    self._buffer = self._buffer[end:]
                    return dict(message)
            data = self._socket.recv(1 << 16)
            if not data:
                raise RuntimeError("OVSDB: the connection was closed")
            self._buffer += data.decode()

    def plug(self, device: str, port_id: str, mac: str) -> None:
        """Add a device to br-int with the id of the port that it bears."""
        ids = [["iface-id", port_id], ["attached-mac", mac], ["iface-status", "active"]]
        self.transact(
            {"op": "insert", "table": "Interface", "uuid-name": "interface",
             "row": {"name": device, "external_ids": ["map", ids]}},
            {"op": "insert", "table": "Port", "uuid-name": "port",
             "row": {"name": device, "interfaces": ["named-uuid", "interface"]}},
            {"op": "mutate", "table": "Bridge", "where": [["name", "==", "br-int"]],
             "mutations": [["ports", "insert", ["named-uuid", "port"]]]},
        )  # fmt: skip

    def unplug(self, devices: Iterable[str]) -> None:
        """Take devices from br-int, in one transaction each."""
        for device in devices:
            found = self.transact({"op": "select", "table": "Port", "where": [["name", "==", device]],
                                   "columns": ["_uuid"]})  # fmt: skip
            for row in found[0]["rows"]:
                self.transact({"op": "mutate", "table": "Bridge", "where": [["name", "==", "br-int"]],
                               "mutations": [["ports", "delete", row["_uuid"]]]})  # fmt: skip
