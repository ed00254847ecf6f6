"""Database servers of the tests' own: PostgreSQL and MariaDB, each in a folder below `/tmp`, on a Unix socket only.

`HEDDLE_TEST_ENGINE` names the engine ("sqlite", "postgresql", "mariadb"); `new_database()` gives the URL of an empty
database on it.  A server is started when the first database is wanted, syncs nothing (what is tested here is not what a
disk does), and ends with the test run; a watcher ends it when the run is killed.
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
START_SECONDS = 60.0
_numbers = itertools.count(1)
_WATCH = "import os, signal, sys\nsys.stdin.read()\nos.kill(int(sys.argv[1]), signal.SIGKILL)"


@dataclass(frozen=True)
class Server:
    """A running server; `url` with a place for the database's name, `create` the statement that makes a database."""

    url: str
    admin: str
    create: str

    def new_database(self) -> str:
        name = f"heddle{next(_numbers)}"
        engine = sa.create_engine(self.url.format(self.admin), isolation_level="AUTOCOMMIT")
        with engine.connect() as conn:
            conn.execute(sa.text(self.create.format(name)))
        engine.dispose()
        return self.url.format(name)


def engine_name() -> str:
    """The engine that this run is for."""
    name = os.environ.get("HEDDLE_TEST_ENGINE", "sqlite")
    assert name in ENGINES, f"HEDDLE_TEST_ENGINE={name}: one of {', '.join(ENGINES)}"
    return name


def new_database(engine: str = "") -> str:
    """The URL of an empty database; "" for SQLite, whose database is a file of the test's folder."""
    name = engine or engine_name()
    return "" if name == "sqlite" else server(name).new_database()


@cache
def server(engine: str, *, durable: bool = False) -> Server:
    """The server of this run; `durable`: one that syncs each commit, as users have it."""
    folder = Path(tempfile.mkdtemp(prefix=f"heddle-{engine}-", dir="/tmp"))
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
    }  # fmt: skip
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    _run([*become, str(programs[-1] / "postgres"), "-D", str(data), *options], folder, signal.SIGINT)
    made = Server(
        url=f"postgresql+psycopg://heddle@/{{}}?host={folder}", admin="postgres", create="CREATE DATABASE {}"
    )
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
    _run([shutil.which("mariadbd") or "", *common, *words, *sync], folder, signal.SIGTERM)
    made = Server(
        url=f"mysql+pymysql://root@/{{}}?unix_socket={folder}/sock&charset=utf8mb4", admin="mysql",
        create="CREATE DATABASE {} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    )  # fmt: skip
    _wait(made, folder)
    return made


_STARTERS: dict[str, Callable[[Path, bool], Server]] = {"postgresql": _postgresql, "mariadb": _mariadb}


def _run(command: list[str], folder: Path, stop: signal.Signals) -> None:
    """Start a server that ends with this process, however this one ends."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
    watcher = subprocess.Popen([sys.executable, "-c", _WATCH, str(process.pid)], stdin=subprocess.PIPE)

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
