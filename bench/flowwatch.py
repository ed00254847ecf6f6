"""When flows come and go on br-int, as Open vSwitch itself says: one `ovs-ofctl monitor` beside the bench."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from tests.real.testhost import TestHost


class FlowWatch:
    """Collects the times of flow changes while the `with` block lasts."""

    def __init__(self, host: TestHost) -> None:
        self._host = host
        self._times: list[float] = []

    def __enter__(self) -> FlowWatch:
        self._process = self._host.popen(
            "ovs-ofctl", "monitor", "br-int", "watch:!initial", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        time.sleep(0.3)
        return self

    def __exit__(self, *_: object) -> None:
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        for each in children:  # nsenter leaves a child in the namespace of processes
            os.kill(int(each), signal.SIGTERM)
        self._process.wait()
        self._thread.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if b"event=" in line:
                self._times.append(time.monotonic())

    def clear(self) -> None:
        self._times = []

    def between(self, start: float, end: float) -> tuple[float, float]:
        """The first and the last change in that time; `start` where there was none."""
        found = [when for when in self._times if start <= when <= end]
        return (found[0], found[-1]) if found else (start, start)
