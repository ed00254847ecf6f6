"""The OVSDB protocol (RFC 7047) over one connection that stays open.

A thread of its own reads: answers go to the caller that waits for them, updates of the monitored
columns into `tables`, and after each update `on_update` is told which rows changed.  When the
connection breaks, the waiting callers get an `OvsdbError`, and the thread connects again for ever;
the first update after that brings all rows, and those that are gone are told as deleted.

The general client library costs 0.2 s and 14 MB at the start of the agent and is not safe between
threads; the part of the protocol that is needed here is this file.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from heddle.errors import HeddleError

log = logging.getLogger(__name__)

DATABASE = "Open_vSwitch"

Row = dict[str, Any]
Operation = dict[str, Any]
Update = list[tuple[str, str, Row | None, Row | None]]


class OvsdbError(HeddleError):
    """The database cannot be reached, or refused a transaction."""


class OvsdbClient:
    """`columns`: the monitored columns by table.  `on_update` gets (table, uuid, old row, new row) of what changed.

    It is called from the client's thread with `lock` held; it must be quick and must not call `transact`.
    """

    def __init__(self, remote: str, columns: Mapping[str, Sequence[str]], on_update: Callable[[Update], None]) -> None:
        self.remote = remote
        self.tables: dict[str, dict[str, Row]] = {table: {} for table in columns}
        self.lock = threading.RLock()
        self._columns = columns
        self._on_update = on_update
        self._socket: socket.socket | None = None
        self._next_id = 0
        self._waiting: dict[int, SimpleQueue[dict[str, Any] | None]] = {}
        self._ready = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._serve, name="ovsdb", daemon=True)

    def start(self, timeout: float) -> None:
        """Connect and wait for the first view of the tables.  Raises `OvsdbError` after `timeout` seconds."""
        self._thread.start()
        if not self._ready.wait(timeout):
            raise OvsdbError(
                f"Open vSwitch's database at {self.remote} cannot be reached; "
                "start the service openvswitch-switch, or set agent.ovsdb to where it listens"
            )

    def close(self) -> None:
        self._stopped = True
        self._disconnect()

    def transact(self, operations: Sequence[Operation], timeout: float = 10.0) -> list[Any]:
        """Run one transaction and return the results, one per operation.  Raises `OvsdbError`."""
        reply = self._call("transact", [DATABASE, *operations], timeout)
        results: list[Any] = reply["result"] or []
        for result in results:
            if isinstance(result, dict) and result.get("error"):
                raise OvsdbError(f"Open vSwitch's database refused: {result['error']}: {result.get('details', '')}")
        return results

    def _call(self, method: str, params: list[Any], timeout: float) -> dict[str, Any]:
        answer: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        with self.lock:
            self._next_id += 1
            number = self._next_id
            self._waiting[number] = answer
        try:
            self._send({"method": method, "params": params, "id": number})
            reply = answer.get(timeout=timeout)
        except Empty:
            raise OvsdbError(f"{self.remote}: no answer to {method} within {timeout:g} s") from None
        finally:
            self._waiting.pop(number, None)
        if reply is None:
            raise OvsdbError(f"{self.remote}: the connection broke during {method}")
        if reply.get("error"):
            raise OvsdbError(f"{self.remote}: {method}: {reply['error']}")
        return reply

    def _send(self, message: Mapping[str, Any]) -> None:
        connection = self._socket
        if connection is None:
            raise OvsdbError(f"{self.remote}: not connected")
        try:
            connection.sendall(json.dumps(message).encode())
        except OSError as error:
            raise OvsdbError(f"{self.remote}: {error.strerror}") from error

    def _serve(self) -> None:
        quiet = False
        while not self._stopped:
            try:
                self._connect()
                quiet = False
                self._read()
            except (OSError, ValueError, OvsdbError) as error:
                if not self._stopped and not quiet:
                    log.warning("ovsdb connection lost remote=%s error=%s", self.remote, error)
                    quiet = True
            self._disconnect()
            if not self._stopped:
                time.sleep(0.1)

    def _connect(self) -> None:
        kind, _, address = self.remote.partition(":")
        if kind == "unix":
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(address)
        elif kind == "tcp":
            name, _, port = address.rpartition(":")
            connection = socket.create_connection((name.strip("[]"), int(port)))
        else:
            raise OvsdbError(f"agent.ovsdb {self.remote!r}: expected unix:<path> or tcp:<address>:<port>")
        self._socket = connection
        wanted = {table: {"columns": list(names)} for table, names in self._columns.items()}
        self._send({"method": "monitor", "params": [DATABASE, "heddle", wanted], "id": "monitor"})

    def _disconnect(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            _shut(connection)
        for answer in list(self._waiting.values()):
            answer.put(None)

    def _read(self) -> None:
        decoder = json.JSONDecoder()
        data = b""
        connection = self._socket
        while connection is not None:
            more = connection.recv(1 << 18)
            if not more:
                raise OvsdbError("closed by the other side")
            data += more
            if not data.endswith(b"}"):
                continue
            text, place = data.decode("utf-8", "replace"), 0
            while place < len(text):
                try:
                    message, place = decoder.raw_decode(text, place)
                except ValueError:
                    break
                self._take(message)
            data = text[place:].encode()

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("method") == "echo":
            self._send({"id": message.get("id"), "result": message.get("params"), "error": None})
        elif message.get("method") == "update":
            self._apply(message["params"][1], whole=False)
        elif message.get("id") == "monitor":
            if message.get("error"):
                raise OvsdbError(f"monitor refused: {message['error']}")
            self._apply(message["result"], whole=True)
            self._ready.set()
        else:
            answer = self._waiting.get(message.get("id") or -1)
            if answer is not None:
                answer.put(message)

    def _apply(self, news: Mapping[str, Mapping[str, Mapping[str, Any]]], whole: bool) -> None:
        update: Update = []
        with self.lock:
            for table, rows in self.tables.items():
                fresh = news.get(table, {})
                for uuid in [uuid for uuid in rows if uuid not in fresh] if whole else []:
                    update.append((table, uuid, rows.pop(uuid), None))
                for uuid, change in fresh.items():
                    old = rows.get(uuid)
                    if "new" in change:
                        new = {name: plain(value) for name, value in change["new"].items()}
                        rows[uuid] = new
                        update.append((table, uuid, old, new))
                    elif old is not None:
                        del rows[uuid]
                        update.append((table, uuid, old, None))
            self._on_update(update)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def plain(value: Any) -> Any:
    """A value as it is on the wire -> atom, list (a set), dict (a map); a UUID is its text."""
    if isinstance(value, list):
        kind, content = value
        if kind == "set":
            return [plain(item) for item in content]
        if kind == "map":
            return {plain(key): plain(item) for key, item in content}
        return content
    return value


def as_set(value: Any) -> list[Any]:
    """The elements of a set column; a set of one is an atom on the wire."""
    return value if isinstance(value, list) else [value]


def as_map(values: Mapping[str, str]) -> list[Any]:
    """A map column for the wire."""
    return ["map", [[key, value] for key, value in values.items()]]
