"""What requests cost among many ports: statements, rows and steps of SQLite counted exactly, times as medians.

Databases with 1,000, 10,000 (and 100,000) ports lie side by side, and one whose /16 has every second address taken,
which is the most broken free space there is.  The application is called in this process, in turns: a request to each
database, then the next, so that a disturbance of the machine meets all of them alike.  The counts are of one request
each and do not vary; a host's `fetch` after a port of another host is counted as well.  Steps are SQLite's alone: on
other engines they are 0.  `READS` are the requests for ports that are told with the POST.
"""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
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
READS = {
    "page of 100": "limit=100",
    "by device": "device_id={device}",
    "of a member with 10": "",
}


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
    answered: str = ""
    network: str = ""
    member: str = ""
    times: dict[str, list[float]] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """`token`: another one than the administrator's."""
        token = token or self.token
        data = b"" if body is None else json.dumps(body).encode()
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": path.partition("?")[0], "QUERY_STRING": path.partition("?")[2],
            "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(data)), "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "bench:9696", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(data),
            **({"HTTP_X_AUTH_TOKEN": token} if token else {}),
        }  # fmt: skip
        seen: list[Any] = []
        text = b"".join(self.app(environ, lambda status, headers: seen.extend((status, headers))))
        if not seen[0].startswith("2"):
            raise RuntimeError(f"{method} {path}: {seen[0]} {text[:300]!r}")
        self.answered = dict(seen[1]).get("X-Subject-Token", "")
        return json.loads(text) if text else None

    def log_in(self, name: str) -> str:
        """The token of a user on the project of the same name."""
        user = {"name": name, "domain": {"id": "default"}, "password": PASSWORD}
        scope = {"project": {"name": name, "domain": {"id": "default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        self.call("POST", "/identity/v3/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
        return self.answered

    def make_member(self) -> None:
        """Another project, with ten ports, and its member."""
        identity, same = "/identity/v3", {"name": "few", "domain_id": "default"}
        project = self.call("POST", f"{identity}/projects", {"project": same})["project"]["id"]
        user = self.call("POST", f"{identity}/users", {"user": {**same, "password": PASSWORD}})["user"]["id"]
        role = self.call("GET", f"{identity}/roles?name=member")["roles"][0]["id"]
        self.call("PUT", f"{identity}/projects/{project}/users/{user}/roles/{role}")
        self.member = self.log_in("few")
        self.make_network("10.68.0.0/24", self.member)
        own = {"network_id": self.network, "name": "p"}
        self.call("POST", "/v2.0/ports", {"ports": [own] * 10}, self.member)

    def port(self, **more: Any) -> dict[str, Any]:
        return {"network_id": self.network, "name": "p", "binding:host_id": FAR,
                "device_id": str(uuid.uuid4()), **more}  # fmt: skip

    def make_network(self, cidr: str, token: str = "") -> str:
        self.network = self.call("POST", "/v2.0/networks", {"network": {"name": "n"}}, token)["network"]["id"]
        subnet = {"network_id": self.network, "ip_version": 4, "cidr": cidr, "enable_dhcp": False}
        self.call("POST", "/v2.0/subnets", {"subnet": subnet}, token)
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
def place(folder: Path, label: str, url: str = "") -> Iterator[Place]:
    folder.mkdir(parents=True)
    paths = [f"paths.{each}={folder}" for each in ("state", "run", "log")]
    settings = load(overrides=[*paths, f"database.url={url}"], environ={})
    store = open_store(settings)
    bootstrap(store, PASSWORD, settings)
    made = Place(label, store, make_app(settings, store), settings)
    made.token = made.log_in("admin")
    project = made.call("POST", "/v2.0/networks", {"network": {"name": "n"}})["network"]["project_id"]
    made.call("PUT", f"/v2.0/quotas/{project}", {"quota": {"network": -1, "subnet": -1, "port": -1}})
    try:
        yield made
    finally:
        store.close()


def count(store: Store, work: Callable[[], object]) -> Counts:
    """What `work` costs, by the events of the engine.

    On SQLite the connection itself tells of statements, for those that are prepared by hand pass the engine by, and its
    progress handler of each step.
    """
    found = Counts()

    def stepped() -> int:
        found.steps += 1
        return 0

    def traced(statement: str) -> None:
        found.statements += not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK"))

    def before(connection: sa.Connection, cursor: Any, statement: str, *_: object) -> None:
        if store.sqlite:
            raw: Any = connection.connection.dbapi_connection
            raw.set_progress_handler(stepped, 1)
            raw.set_trace_callback(traced)
        else:
            found.statements += not statement.startswith("SET TRANSACTION")

    def after(connection: sa.Connection, cursor: Any, *_: object) -> None:
        found.written += max(0, cursor.rowcount)

    def checkin(raw: Any, record: object) -> None:
        if raw is not None and store.sqlite:
            raw.set_progress_handler(None, 1)
            raw.set_trace_callback(None)

    hooks = (("before_cursor_execute", before), ("after_cursor_execute", after), ("checkin", checkin))
    for name, hook in hooks:
        sa.event.listen(store.engine, name, hook)
    try:
        work()
    finally:
        for name, hook in hooks:
            sa.event.remove(store.engine, name, hook)
    return found


def scaling(
    folder: Path, full: bool, rounds: int, say: Callable[[str], None], new_database: Callable[[], str] = str
) -> dict[str, Any]:
    """Returns the counts and medians by database, and all of it as text.

    `new_database` gives the URL of an empty one, "" for a file of SQLite's.
    """
    sizes = [1_000, 10_000, *([100_000] if full else [])]
    found: dict[str, Any] = {}
    with contextlib.ExitStack() as after:
        places = []
        for size in sizes:
            say(f"filling a database with {size:,} ports")
            places.append(after.enter_context(place(folder / str(size), f"{size:,} ports", new_database())))
            places[-1].fill(size)
        say("filling half a /16, every second address")
        places.append(after.enter_context(place(folder / "half", "half a /16", new_database())))
        places[-1].fill_alternately()
        for each in places:
            network = each.network
            each.make_member()
            each.network = network
        for each in places[:-1]:
            each.make_network("10.65.0.0/16")
        for _ in range(rounds):
            for each in places:
                time_once(each)
        for each in places:
            found[each.label] = costs(each)
    return {"places": found, "text": _text(found)}


def time_once(each: Place) -> None:
    """One POST, and one of each read."""
    body = {"port": each.port()}
    work = {"post": partial(each.call, "POST", "/v2.0/ports", body), **_reads_of(each, body["port"]["device_id"])}
    for name, request in work.items():
        started = time.perf_counter()
        request()
        each.times.setdefault(name, []).append(time.perf_counter() - started)


def _reads_of(each: Place, device: str) -> dict[str, Callable[[], Any]]:
    """A request without a query is the member's."""
    paths = {name: f"/v2.0/ports?{query.format(device=device)}" for name, query in READS.items()}
    return {
        name: partial(each.call, "GET", path, None, "" if READS[name] else each.member) for name, path in paths.items()
    }


def costs(each: Place) -> dict[str, Any]:
    """What a POST, the reads and a host's fetch cost there, and the medians of what was timed."""
    post = count(each.store, lambda: each.call("POST", "/v2.0/ports", {"port": each.port()}))
    network, body = each.network, each.port()
    each.call("POST", "/v2.0/ports", {"port": body})
    reads = {name: vars(count(each.store, read)) for name, read in _reads_of(each, body["device_id"]).items()}
    each.make_network("10.66.0.0/24")
    each.call("POST", "/v2.0/ports", {"port": each.port(**{"binding:host_id": NEAR})})
    each.network = network
    compiler = Compiler()
    whole = sync.fetch(each.store, compiler, FetchRequest(host=NEAR, revision=0, scopes=[]))
    each.call("POST", "/v2.0/ports", {"port": each.port(security_groups=[])})
    known = FetchRequest(host=NEAR, revision=whole.revision, scopes=[news.scope for news in whole.scopes])
    fetch = count(each.store, lambda: sync.fetch(each.store, compiler, known))
    medians = {name: round(1000 * statistics.median(times), 3) for name, times in each.times.items()}
    return {"post": vars(post), "fetch": vars(fetch), "reads": reads, "median_ms": medians}


def _text(found: dict[str, Any]) -> str:
    lines: list[tuple[str, ...]] = [
        ("POST port among", "median ms", "statements", "rows written", "SQLite steps", "fetch: statements", "steps")
    ]
    for label, each in found.items():
        post, fetch = each["post"], each["fetch"]
        counts = [post["statements"], post["written"], post["steps"], fetch["statements"], fetch["steps"]]
        lines.append((label, f"{each['median_ms']['post']:.2f}", *(f"{number:,}" for number in counts)))
    return f"{_columns(lines)}\n\n{_columns(_reads(found))}"


def _reads(found: dict[str, Any]) -> list[tuple[str, ...]]:
    lines = [("GET ports among", *(f"{name}: median ms, statements, steps" for name in READS))]
    for label, each in found.items():
        cells = [(each["median_ms"][name], each["reads"][name]) for name in READS]
        lines.append((label, *(f"{ms:.2f}, {n['statements']}, {n['steps']:,}" for ms, n in cells)))
    return lines


def _columns(lines: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
