"""A cloud under test, who asks it, what is known to exist in it, and the log of what was asked.

A step is a request with literal path and body, or a report of a host; any part of a log can be replayed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.api.conftest import Cloud, build
from tests.fakes.client import Answer, Client
from tests.stateful.contents import Contents
from tests.stateful.determined import Source

HOSTS = ("host1", "host2", "host3")
# Who asks: a name, the project, the role there ("": a user without any role); and somebody without a token.
PEOPLE = (
    ("admin", "admin", "admin"), ("ann", "blue", "member"), ("eve", "red", "member"), ("max", "blue", "manager"),
    ("rob", "blue", "reader"), ("guest", "", ""),
)  # fmt: skip
NOBODY = "nobody"
HOST, DIED = "host", "long ago"
NEWEST = 6
# How often a request that may change something is looked after.
CAREFUL = 0.05
# Who logged in last.
FRESH = "fresh"


@dataclass(frozen=True, slots=True)
class Step:
    """`who` HOST: the host `path` reports.  `headers` may have `{token of WHO}`."""

    number: int
    who: str
    method: str = ""
    path: str = ""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        body = self.body.decode("utf-8", "replace")
        body = body if len(body) < 1500 else body[:1500] + "..."
        return f"{self.number:6} {self.who:6} {self.method} {self.path} {dict(self.headers) or ''} {body}"


@dataclass(frozen=True, slots=True)
class Change:
    """A step that did something, and what it was answered."""

    step: Step
    answer: str


@dataclass(slots=True)
class Known:
    """An object that an answer told of: its URL, its attributes as last seen."""

    url: str
    value: dict[str, Any]
    parents: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return str(self.value["id"])


class Failure(AssertionError):
    """An answer that must not be, or an invariant that does not hold."""


def check_status(answer: Answer) -> None:
    """Raises `Failure` for an answer that says that the server is at fault, or is at its end."""
    if answer.status >= 500 and b'"NoNetworkAvailable"' not in answer.body:
        raise Failure(f"{answer.status} {answer.body.decode('utf-8', 'replace')[:300]}")


@dataclass
class World:
    """`known` are pools of objects by the name of their collection, `changed` the steps that did something."""

    folder: Path
    seed: int
    source: Source
    cloud: Cloud = field(init=False)
    clients: dict[str, Client] = field(init=False)
    projects: dict[str, str] = field(init=False)
    known: dict[str, list[Known]] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    log: list[Step] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    rng: random.Random = field(init=False)
    watch: Callable[[Step, Answer], None] = lambda step, answer: None

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.source.step(0)
        self.folder.mkdir(parents=True)
        self.cloud = build(self.folder, more=QUOTAS)
        people = self.cloud.people
        self.projects = {name: people.project(name) for name in ("blue", "red")}
        self.projects["admin"] = self.cloud.admin.project_id
        self.clients = {NOBODY: Client(self.cloud.app), FRESH: Client(self.cloud.app), "admin": people.admin}
        for name, project, role in PEOPLE[1:]:
            people.user(name, **({role: self.projects[project]} if role else {}))
            self.clients[name] = Client(self.cloud.app).log_in(name, project=project)
        self.protected = {*self.projects.values(), "default", *people.roles.values()}
        self.protected |= {client.user_id for client in self.clients.values()}

    def close(self) -> None:
        self.cloud.close()

    # Asking

    def ask(self, who: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """Send the next request of the run."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        step = Step(len(self.log) + 1, who, method, path, data, tuple((headers or {}).items()))
        self.log.append(step)
        answer = self.play(step, careful=method not in ("GET", "HEAD") and self.rng.random() < CAREFUL)
        assert answer is not None
        if method not in ("GET", "HEAD") and answer.status < 300:
            self.changed.append(Change(step, answer.body.decode()))
        check_status(answer)
        self.told.append(f"{step} -> {answer.status} {answer.body[:160] if answer.status >= 400 else ''}")
        self.watch(step, answer)
        return answer

    def report(self, host: str, *, died: bool = False) -> None:
        """A host says that it is there; `died`: it said so long ago."""
        step = Step(len(self.log) + 1, HOST, DIED if died else "", host)
        self.log.append(step)
        self.changed.append(Change(step, host))
        self.play(step)

    def play(self, step: Step, *, careful: bool = False) -> Answer | None:
        """Do what a step says.  `careful`: raises `Failure` when it is refused and changes something nevertheless."""
        before = self.contents() if careful else None
        answer = self._play(step)
        refused = before is not None and answer is not None and answer.status >= 400
        if before is not None and refused and (found := before.differences(self.contents())):
            raise Failure(f"changed, although it was refused: {'; '.join(found[:5])}")
        return answer

    def contents(self) -> Contents:
        with self.cloud.store.engine.connect() as conn:
            return Contents(conn)

    def _play(self, step: Step) -> Answer | None:
        self.source.step(step.number)
        if step.who == HOST:
            self.cloud.report(step.path, physnets="public physnet1")
            if step.method == DIED:
                self.cloud.die(step.path)
            return None
        headers = dict(step.headers)
        for name, text in headers.items():
            if text.startswith("{token of "):
                headers[name] = self.clients[text[10:-1]].token or "none"
        answer = self.clients[step.who].call(step.method, step.path, step.body or None, headers)
        if answer.status == 201 and step.path.endswith("/auth/tokens"):
            self.clients[FRESH] = self.clients[NOBODY].with_token(answer)
        return answer

    # What is known

    def pool(self, name: str) -> list[Known]:
        return self.known.setdefault(name, [])

    def some(self, name: str, who: str = "") -> Known | None:
        """One of a pool: of the asker's own project more often than not, and of the newest, so that they meet."""
        pool = self.pool(name)
        if not pool:
            return None
        if who in self.clients and self.rng.random() < 0.7:
            own = self.clients[who].project_id
            mine = [item for item in pool if item.value.get("project_id") == own]
            pool = mine or pool
        return self.rng.choice(pool[-NEWEST:] if self.rng.random() < 0.5 else pool)

    def learn(self, collection: str, url: str, value: dict[str, Any], parents: tuple[str, ...] = ()) -> None:
        pool = self.pool(collection)
        for item in pool:
            if item.id == value["id"]:
                item.value.update(value)
                return
        pool.append(Known(url, value, parents))

    def forget(self, collection: str, id: str) -> None:
        pool = self.pool(collection)
        self.known[collection] = [item for item in pool if item.id != id]
        if len(pool) != len(self.known[collection]):
            self.gone.append(id)


QUOTAS = tuple(
    f"quota.{name}={limit}"
    for name, limit in {
        "network": 400, "subnet": 400, "port": 900, "router": 60, "floatingip": 200, "security_group": 100,
        "security_group_rule": 900, "rbac_policy": 120,
    }.items()
)  # fmt: skip
