"""Database servers of the tests' own: PostgreSQL and MariaDB, on Unix sockets only.

`HEDDLE_TEST_ENGINE` names the engine ("sqlite", "postgresql", "mariadb"); `new_database()` gives the URL of an empty
database on it, `discard()` removes it.  A server is started when the first database is wanted, syncs nothing and keeps
its files in memory where there is room (what is tested here is not what a disk does), and ends with the test run; a
watcher ends it and removes its files when the run is killed.
"""

from __future__ import annotations

import atexit
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlalchemy as sa

ENGINES = ("sqlite", "postgresql", "mariadb")
START_SECONDS = 180.0
_numbers = itertools.count(1)
MEMORY, MEMORY_NEEDED = "/dev/shm", 3 * 2**30
_WATCH = """import os, shutil, sys, time
sys.stdin.read()
pid, stop, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
try:
    os.kill(pid, stop)
    for _ in range(200):
        time.sleep(0.1)
        os.kill(pid, 0)
except ProcessLookupError:
    pass
shutil.rmtree(folder, ignore_errors=True)
"""


@dataclass(frozen=True)
class Server:
    """A running server; `url` with a place for the database's name, `create` and `drop` the statements for one."""

    url: str
    admin: str
    create: str
    drop: str

    def new_database(self) -> str:
        name = f"heddle{next(_numbers)}"
        self.execute(self.create.format(name))
        return self.url.format(name)

    def execute(self, *statements: str) -> None:
        """Run statements that are outside of a transaction, on the database that is there from the beginning."""
        with self.connected() as conn:
            for statement in statements:
                conn.exec_driver_sql(statement)

    def connected(self) -> sa.Connection:
        """To the database that is there from the beginning, outside of a transaction."""
        return _admin(self.url.format(self.admin)).connect()


@cache
def _admin(url: str) -> sa.Engine:
    return sa.create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)


def engine_name() -> str:
    """The engine that this run is for."""
    name = os.environ.get("HEDDLE_TEST_ENGINE", "sqlite")
    assert name in ENGINES, f"HEDDLE_TEST_ENGINE={name}: one of {', '.join(ENGINES)}"
    return name


def new_database(engine: str = "") -> str:
    """The URL of an empty database; "" for SQLite, whose database is a file of the test's folder."""
    name = engine or engine_name()
    return "" if name == "sqlite" else server(name).new_database()


def discard(url: str) -> None:
    """Remove a database that `new_database` made, whoever is connected; SQLite's goes with the test's folder."""
    engine, name = parts(url)
    if engine != "sqlite":
        server(engine).execute(server(engine).drop.format(name))


def parts(url: str) -> tuple[str, str]:
    """The engine and the name of a database; SQLite's is its path."""
    parsed = sa.make_url(url)
    engine = {"mysql": "mariadb"}.get(parsed.get_backend_name(), parsed.get_backend_name())
    return engine, parsed.database or ""


@cache
def server(engine: str, *, durable: bool = False) -> Server:
    """The server of this run; `durable`: one that syncs each commit, as users have it."""
    in_memory = not durable and Path(MEMORY).is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED
    folder = Path(tempfile.mkdtemp(prefix=f"heddle-{engine}-", dir=MEMORY if in_memory else "/tmp"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return _STARTERS[engine](folder, durable)


def _postgresql(folder: Path, durable: bool) -> Server:
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    assert programs, "PostgreSQL is not installed: apt-get install postgresql"
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    data = folder / "data"
    data.mkdir()
    shutil.chown(folder, user)
    shutil.chown(data, user)
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if os.geteuid() == 0 else []
    words = ["--pgdata", str(data), "--auth=trust", "--username=heddle", "--locale=C.UTF-8", "--no-sync"]
    subprocess.run([*become, programs[-1] / "initdb", *words], check=True, capture_output=True, cwd="/")
    settings = {
        "listen_addresses": "", "unix_socket_directories": str(folder), "max_connections": "200",
        "fsync": "on" if durable else "off", "synchronous_commit": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off", "shared_buffers": "256MB",
        "max_wal_size": "256MB",
    }  # fmt: skip
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    _run([*become, str(programs[-1] / "postgres"), "-D", str(data), *options], folder, signal.SIGINT, signal.SIGQUIT)
    made = Server(
        url=f"postgresql+psycopg://heddle@/{{}}?host={folder}", admin="postgres", create="CREATE DATABASE {}",
        drop="DROP DATABASE {} WITH (FORCE)",
    )  # fmt: skip
    _wait(made, folder)
    return made


def _mariadb(folder: Path, durable: bool) -> Server:
    assert shutil.which("mariadbd"), "MariaDB is not installed: apt-get install mariadb-server-core"
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    data = folder / "data"
    data.mkdir()
    shutil.chown(folder, user)
    shutil.chown(data, user)
    common = ["--no-defaults", f"--datadir={data}", f"--user={user}"]
    subprocess.run(
        ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True, capture_output=True,
    )  # fmt: skip
    sync = [] if durable else ["--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite"]
    words = [f"--socket={folder}/sock", f"--pid-file={folder}/pid", "--skip-networking", "--max-connections=200",
             "--innodb-buffer-pool-size=256M"]  # fmt: skip
    _run([shutil.which("mariadbd") or "", *common, *words, *sync], folder, signal.SIGTERM, signal.SIGKILL)
    made = Server(
        url=f"mysql+pymysql://root@/{{}}?unix_socket={folder}/sock&charset=utf8mb4&ssl_disabled=true", admin="mysql",
        create="CREATE DATABASE {} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        drop="DROP DATABASE {}",
    )  # fmt: skip
    _wait(made, folder)
    return made


_STARTERS: dict[str, Callable[[Path, bool], Server]] = {"postgresql": _postgresql, "mariadb": _mariadb}


def _run(command: list[str], folder: Path, stop: signal.Signals, at_once: signal.Signals) -> None:
    """Start a server that ends with this process, however this one ends: stopped by it, or `at_once` after it."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
    watcher = subprocess.Popen(
        [sys.executable, "-c", _WATCH, str(process.pid), str(int(at_once)), str(folder)], stdin=subprocess.PIPE
    )

    def end() -> None:
        watcher.kill()
        watcher.wait()
        process.send_signal(stop)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    atexit.register(end)


def _wait(made: Server, folder: Path) -> None:
    """Until it answers."""
    engine = sa.create_engine(made.url.format(made.admin))
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with engine.connect():
                break
        except sa.exc.OperationalError as error:
            if time.monotonic() > deadline:
                text = (folder / "log").read_text(errors="replace")[-2000:]
                raise AssertionError(f"the database server does not answer: {error}\n{text}") from error
            time.sleep(0.05)
    engine.dispose()
