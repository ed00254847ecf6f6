"""A cloud that is well, and the command that looks at it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from heddle import __version__
from heddle.cli import main as cli
from heddle.config import Settings
from heddle.control import reports
from heddle.simulate.rabbitmq import RabbitMq
from heddle.store.engine import Store
from heddle.view.types import ReportRequest, RoleState

ROLES = [RoleState(role=name) for name in ("switch", "router", "dhcp", "metadata")]
TOLD = {"release": __version__, "started_at": 1.0}
Checks = dict[str, dict[str, Any]]
# Those that ask the agents what their hosts are.
OF_HOSTS = {
    "configuration-agreement", "configuration-secrets", "environment-certificates", "environment-clock",
    "environment-disk", "environment-dnsmasq", "environment-kernel", "environment-nftables", "environment-openvswitch",
    "environment-python", "environment-qemu", "environment-radvd", "environment-reboot",
}  # fmt: skip


def environment() -> dict[str, str]:
    """This process's, without what tells the tests where to run."""
    return {name: text for name, text in os.environ.items() if not name.startswith("HEDDLE_TEST_")}


@dataclass
class Look:
    """Calls `heddle upgrade check`; `words` are more of the command line before it, as "bus.url=…"."""

    settings: Settings
    capsys: pytest.CaptureFixture[str]
    words: list[str] = field(default_factory=list)
    code: int = 0

    def __call__(self, *options: str) -> Checks:
        """What each check said, by id; of several findings the worst."""
        found: Checks = {}
        for each in self.every(*options):
            if each["id"] not in found or each["result"] > found[each["id"]]["result"]:
                found[each["id"]] = each
        return found

    def every(self, *options: str) -> list[dict[str, Any]]:
        """All findings."""
        paths = [f"paths.{name}={getattr(self.settings.paths, name)}" for name in ("state", "run", "log")]
        words = [*paths, f"database.url={self.settings.database_url}", *self.words]
        given = [part for word in words for part in ("--set", word)]
        self.capsys.readouterr()
        with patch.dict(os.environ, environment(), clear=True):
            self.code = cli.main([*given, "upgrade", "check", "--format", "json", *options])
        every: list[dict[str, Any]] = json.loads(self.capsys.readouterr().out)["checks"]
        return every


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """The command takes them for itself, as a program of its own may."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def look(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Look:
    return Look(settings, capsys)


@pytest.fixture
def report(store: Store, settings: Settings) -> Callable[..., None]:
    """The agent of a host reports, once."""

    def say(host: str = "host1", **more: Any) -> None:
        request = ReportRequest(host=host, **{"roles": ROLES, **TOLD, "clock": time.time(), **more})
        reports.report(store, settings, request)

    return say


@pytest.fixture
def silent_server() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    held.append(server.accept()[0])
            except OSError:
                pass

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for each in held:
            each.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB and 50 inodes."""
    if os.geteuid() != 0:
        pytest.fail("mounting needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=50", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def broker() -> Iterator[RabbitMq]:
    made = RabbitMq()
    try:
        made.start()
        yield made
    finally:
        made.stop()


@contextmanager
def reader(store: Store) -> Iterator[tuple[str, Callable[[str], None]]]:
    """The database's URL for a user who may read all, and no more, with what gives it another right."""
    url = sa.make_url(store.url)
    with store.engine.connect() as conn:
        alone = conn.execution_options(isolation_level="AUTOCOMMIT")
        if store.engine.dialect.name == "postgresql":
            alone.exec_driver_sql("CREATE ROLE reader LOGIN PASSWORD 'x'")
            right = "pg_read_all_data"
        else:
            alone.exec_driver_sql("CREATE USER reader IDENTIFIED BY 'x'")
            right = f"ALL ON {url.database}.*"

        def grant(what: str) -> None:
            alone.exec_driver_sql(f"GRANT {what} TO reader")

        try:
            grant(right)
            yield url.set(username="reader", password="x").render_as_string(hide_password=False), grant
        finally:
            alone.exec_driver_sql("DROP USER reader")


def differing(before: Checks, after: Checks) -> set[str]:
    """The checks that say something else than before."""
    assert before.keys() == after.keys()
    return {id for id in before if before[id]["status"] != after[id]["status"]}
