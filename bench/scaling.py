"""What a port costs among many: statements, rows and steps of SQLite counted exactly, times as medians.

Databases with 1,000, 10,000 (and 100,000) ports lie side by side, and one whose /16 has every second address taken,
which is the most broken free space there is.  The application is called in this process, in turns: a request to each
database, then the next, so that a disturbance of the machine meets all of them alike.  The counts are of one request
each and do not vary; a host's `fetch` after a port of another host is counted as well.
"""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from heddle.api.app import App
from heddle.api.server import make_app, open_store
from heddle.config import Settings, load
from heddle.control import sync
from heddle.control.identity.bootstrap import bootstrap
from heddle.store.engine import Store
from heddle.view.compile import Compiler
from heddle.view.types import FetchRequest

PASSWORD = "bench bench bench"
PER_NETWORK, BULK = 250, 500
NEAR, FAR = "near", "far"


@dataclass
class Counts:
    """Of one piece of work.  `steps` are those of SQLite's virtual machine: each row that it reads is several."""

    statements: int = 0
    written: int = 0
    steps: int = 0


@dataclass
class Place:
    """A database with its application."""

    label: str
    store: Store
    app: App
    settings: Settings
    token: str = ""
    network: str = ""
    times: list[float] = field(default_factory=list)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = b"" if body is None else json.dumps(body).encode()
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": path.partition("?")[0], "QUERY_STRING": path.partition("?")[2],
            "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(data)), "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "bench:9696", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(data),
            **({"HTTP_X_AUTH_TOKEN": self.token} if self.token else {}),
        }  # fmt: skip
        seen: list[Any] = []
        text = b"".join(self.app(environ, lambda status, headers: seen.extend((status, headers))))
        if not seen[0].startswith("2"):
            raise RuntimeError(f"{method} {path}: {seen[0]} {text[:300]!r}")
        self.token = self.token or dict(seen[1]).get("X-Subject-Token", "")
        return json.loads(text) if text else None

    def port(self, **more: Any) -> dict[str, Any]:
        return {"network_id": self.network, "name": "p", "binding:host_id": FAR, **more}

    def make_network(self, cidr: str) -> str:
        self.network = self.call("POST", "/v2.0/networks", {"network": {"name": "n"}})["network"]["id"]
        subnet = {"network_id": self.network, "ip_version": 4, "cidr": cidr, "enable_dhcp": False}
        self.call("POST", "/v2.0/subnets", {"subnet": subnet})
        return self.network

    def fill(self, count: int) -> None:
        """Ports, PER_NETWORK to a network."""
        made = 0
        while made < count:
            self.make_network("10.64.0.0/16")
            number = min(PER_NETWORK, count - made)
            self.call("POST", "/v2.0/ports", {"ports": [self.port() for _ in range(number)]})
            made += number

    def fill_alternately(self) -> None:
        """One /16 of which every second address is taken."""
        self.make_network("10.64.0.0/16")
        subnet = self.call("GET", f"/v2.0/subnets?network_id={self.network}&fields=id")["subnets"][0]["id"]
        numbers = range(3, 1 << 16, 2)
        for at in range(0, len(numbers), BULK):
            ports = [
                self.port(fixed_ips=[{"subnet_id": subnet, "ip_address": f"10.64.{each >> 8}.{each & 255}"}])
                for each in numbers[at : at + BULK] if each < (1 << 16) - 1
            ]  # fmt: skip
            self.call("POST", "/v2.0/ports", {"ports": ports})


@contextlib.contextmanager
def place(folder: Path, label: str) -> Iterator[Place]:
    folder.mkdir(parents=True)
    settings = load(overrides=[f"paths.{each}={folder}" for each in ("state", "run", "log")], environ={})
    store = open_store(settings)
    bootstrap(store, PASSWORD, settings)
    made = Place(label, store, make_app(settings, store), settings)
    user = {"name": "admin", "domain": {"id": "default"}, "password": PASSWORD}
    scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
    identity = {"methods": ["password"], "password": {"user": user}}
    made.call("POST", "/identity/v3/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
    project = made.call("POST", "/v2.0/networks", {"network": {"name": "n"}})["network"]["project_id"]
    made.call("PUT", f"/v2.0/quotas/{project}", {"quota": {"network": -1, "subnet": -1, "port": -1}})
    try:
        yield made
    finally:
        store.close()


def count(store: Store, work: Callable[[], object]) -> Counts:
    """What `work` costs; by the events of the engine and SQLite's progress handler, which hears of each step."""
    found = Counts()

    def stepped() -> int:
        found.steps += 1
        return 0

    def before(connection: sa.Connection, cursor: Any, statement: str, *_: object) -> None:
        found.statements += 1
        raw = connection.connection.dbapi_connection
        raw.set_progress_handler(stepped, 1)  # type: ignore[union-attr]

    def after(connection: sa.Connection, cursor: Any, *_: object) -> None:
        found.written += max(0, cursor.rowcount)

    def checkin(raw: Any, record: object) -> None:
        if raw is not None:
            raw.set_progress_handler(None, 1)

    hooks = (("before_cursor_execute", before), ("after_cursor_execute", after), ("checkin", checkin))
    for name, hook in hooks:
        sa.event.listen(store.engine, name, hook)
    try:
        work()
    finally:
        for name, hook in hooks:
            sa.event.remove(store.engine, name, hook)
    return found


def scaling(folder: Path, full: bool, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Returns the counts and medians by database, and all of it as text."""
    sizes = [1_000, 10_000, *([100_000] if full else [])]
    found: dict[str, Any] = {}
    with contextlib.ExitStack() as after:
        places = []
        for size in sizes:
            say(f"filling a database with {size:,} ports")
            places.append(after.enter_context(place(folder / str(size), f"{size:,} ports")))
            places[-1].fill(size)
        say("filling half a /16, every second address")
        places.append(after.enter_context(place(folder / "half", "half a /16")))
        places[-1].fill_alternately()
        for each in places[:-1]:
            each.make_network("10.65.0.0/16")
        for _ in range(rounds):
            for each in places:
                _timed(each)
        for each in places:
            found[each.label] = _counted(each)
    return {"places": found, "text": _text(found)}


def _timed(each: Place) -> None:
    body = {"port": each.port()}
    started = time.perf_counter()
    each.call("POST", "/v2.0/ports", body)
    each.times.append(time.perf_counter() - started)


def _counted(each: Place) -> dict[str, Any]:
    post = count(each.store, lambda: each.call("POST", "/v2.0/ports", {"port": each.port()}))
    networks = each.network
    each.make_network("10.66.0.0/24")
    each.call("POST", "/v2.0/ports", {"port": each.port(**{"binding:host_id": NEAR})})
    each.network = networks
    compiler = Compiler()
    whole = sync.fetch(each.store, compiler, FetchRequest(host=NEAR, revision=0, scopes=[]))
    each.call("POST", "/v2.0/ports", {"port": each.port(security_groups=[])})
    known = FetchRequest(host=NEAR, revision=whole.revision, scopes=[news.scope for news in whole.scopes])
    fetch = count(each.store, lambda: sync.fetch(each.store, compiler, known))
    return {"post": vars(post), "fetch": vars(fetch), "post_ms": round(1000 * statistics.median(each.times), 3)}


def _text(found: dict[str, Any]) -> str:
    lines: list[tuple[str, ...]] = [
        ("POST port among", "median ms", "statements", "rows written", "SQLite steps", "fetch: statements", "steps")
    ]
    for label, each in found.items():
        post, fetch = each["post"], each["fetch"]
        counts = [post["statements"], post["written"], post["steps"], fetch["statements"], fetch["steps"]]
        lines.append((label, f"{each['post_ms']:.2f}", *(f"{number:,}" for number in counts)))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
