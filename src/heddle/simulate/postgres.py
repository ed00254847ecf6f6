"""A PostgreSQL server of one's own, that may be killed and started again."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from heddle.errors import HeddleError

PROGRAMS = Path("/usr/lib/postgresql")


class Postgres:
    """Its files and its socket are in `folder`; commits are synced, so that a kill loses nothing.

    Raises `HeddleError` where PostgreSQL is not installed, and when it does not start.
    """

    def __init__(self) -> None:
        programs = sorted(PROGRAMS.glob("*/bin"), key=lambda path: int(path.parent.name))
        if not programs:
            raise HeddleError("PostgreSQL is not installed: apt-get install postgresql")
        self._programs = programs[-1]
        self.folder = Path(tempfile.mkdtemp(prefix="heddle-postgres-", dir="/tmp"))
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        become = ["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups"]
        self._become = become if os.geteuid() == 0 else []
        self._process: subprocess.Popen[bytes] | None = None
        data = self.folder / "data"
        data.mkdir()
        self.folder.chmod(0o755)
        for path in (self.folder, data):
            shutil.chown(path, self._user)
        words = ["--pgdata", str(data), "--auth=trust", "--username=heddle", "--locale=C.UTF-8", "--no-sync"]
        self._run("initdb", *words)

    @property
    def url(self) -> str:
        return f"postgresql://heddle@/postgres?host={self.folder}"

    def start(self) -> None:
        """Returns when it answers."""
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.folder), "max_connections": "200"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [*self._become, str(self._programs / "postgres"), "-D", str(self.folder / "data"), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                             start_new_session=True)  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    text = (self.folder / "log").read_text(errors="replace")[-2000:]
                    raise HeddleError(f"PostgreSQL does not start\n{text}") from error
                time.sleep(0.05)

    def kill(self) -> None:
        """At once, without a checkpoint, as when its machine loses power."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait(30)

    def stop(self) -> None:
        """End it and remove its files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        subprocess.run([*self._become, self._programs / program, *words], check=True, capture_output=True, cwd="/")
