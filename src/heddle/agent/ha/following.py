"""Who follows a router from host to host: a process that carries its established connections along (`connections/`).

It is there while routers are ready on this host, is replaced when it dies, and ends with this process.  What a router
is here it reads in the files itself.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from heddle.agent.ha.election import Change
from heddle.host.ha_files import Config, Recipe

log = logging.getLogger(__name__)

MODULE = "heddle.agent.ha.connections.process"
AGAIN = 1.0


class Following:
    """Its methods are called by the thread of the service, and return at once."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._wanted = False
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._life = -1

    def begin(self, folder: Path, config: Config) -> None:
        """The service begins."""
        self._folder = folder
        self._start()

    def recipes(self, recipes: Mapping[str, Recipe]) -> None:
        """These routers are ready here, and no others."""
        self._wanted = self._wanted or bool(recipes)
        self._start()

    def changed(self, changes: Sequence[Change]) -> None:
        """These have become active, or are so no longer."""

    def end(self) -> None:
        """The service ends; what was made in the kernel stays."""
        self._ended.set()
        self._let_end()

    def _start(self) -> None:
        if self._wanted and self._folder is not None and self._thread is None:
            self._thread = threading.Thread(target=self._keep, args=[self._folder], name="following", daemon=True)
            self._thread.start()

    def _keep(self, folder: Path) -> None:
        """Have the process run, until the service ends."""
        while not self._ended.is_set():
            try:
                _, status = os.waitpid(self._spawn(folder), 0)
                said = f"ended with status {status}"
            except OSError as error:
                said = f"cannot be started: {error}"
            self._let_end()
            if not self._ended.wait(AGAIN):
                log.warning("the process that carries connections %s, another one begins", said)

    def _spawn(self, folder: Path) -> int:
        """Its standard input ends with this process."""
        ours, self._life = os.pipe()
        try:
            command = [sys.executable, "-m", MODULE, str(folder)]
            return os.posix_spawn(sys.executable, command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, ours, 0)])
        finally:
            os.close(ours)

    def _let_end(self) -> None:
        life, self._life = self._life, -1
        if life >= 0:
            with contextlib.suppress(OSError):
                os.close(life)
