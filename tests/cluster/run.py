"""A lab that stays: run.py up [--hosts N] | down | status.

`up` leaves a process behind that holds everything; its record, its log and the administrator's clouds.yaml are in
/run/heddle-lab.  `down` ends it, and with it every namespace and process of the lab.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.cluster.lab import ROOT, Lab

PLACE = Path("/run/heddle-lab")
RECORD = PLACE / "lab.json"
START_SECONDS = 180.0


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="A cloud of several hosts on this machine, in namespaces.")
    actions = parser.add_subparsers(dest="action", required=True)
    for name, does in (("up", "build it"), ("serve", argparse.SUPPRESS)):
        action = actions.add_parser(name, help=does)
        action.add_argument("--hosts", type=int, default=3)
        action.add_argument("--servers", type=int, default=2)
    actions.add_parser("down", help="remove it")
    actions.add_parser("status", help="say what there is")
    args = parser.parse_args(words)
    if os.geteuid() != 0:
        print("lab: namespaces can only be made by root: use sudo", file=sys.stderr)
        return 1
    if args.action == "up" and not (1 <= args.hosts <= 50 and 1 <= args.servers <= 4):
        print("lab: --hosts is 1 to 50, --servers 1 to 4", file=sys.stderr)
        return 64
    return {"up": _up, "serve": _serve, "down": _down, "status": _status}[args.action](args)


def _up(args: argparse.Namespace) -> int:
    if _holder():
        print("lab: there is one already; `make lab-down` removes it", file=sys.stderr)
        return 1
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(mode=0o700)
    words = ["--hosts", str(args.hosts), "--servers", str(args.servers)]
    with (PLACE / "log").open("wb") as log:
        child = subprocess.Popen([sys.executable, "-m", "tests.cluster.run", "serve", *words], cwd=ROOT, stdout=log,
                                 stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    began, shown = time.monotonic(), 0
    while not RECORD.exists():
        shown = _show(began, shown)
        if child.poll() is not None or time.monotonic() - began > START_SECONDS:
            child.terminate()
            print(f"lab: it did not start; the end of {PLACE}/log:", file=sys.stderr)
            print((PLACE / "log").read_text(errors="replace")[-3000:], file=sys.stderr)
            return 1
        time.sleep(0.1)
    _show(began, shown)
    print(f"{time.monotonic() - began:6.1f}s  up")
    return _status(args)


def _show(began: float, shown: int) -> int:
    lines = [line for line in (PLACE / "log").read_text(errors="replace").splitlines() if line.startswith("lab: ")]
    for line in lines[shown:]:
        print(f"{time.monotonic() - began:6.1f}s  {line.removeprefix('lab: ')}", flush=True)
    return len(lines)


def _serve(args: argparse.Namespace) -> int:
    def say(text: str) -> None:
        print(f"lab: {text}", flush=True)

    def end(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    say(f"{args.hosts} hosts with Open vSwitch")
    lab = Lab(args.hosts, args.servers)
    try:
        lab.start(say)
        shutil.copy(lab.clouds, PLACE / "clouds.yaml")
        hosts = {host.name: host.pid for host in (lab.control, *lab.hosts)}
        record = {"pid": os.getpid(), "port": lab.port, "hosts": hosts, "folder": str(lab.folder)}
        (PLACE / "new").write_text(json.dumps(record))
        (PLACE / "new").rename(RECORD)
        while True:
            signal.pause()
    finally:
        lab.stop()
        RECORD.unlink(missing_ok=True)


def _status(args: argparse.Namespace) -> int:
    if not _holder():
        print("There is no lab: `make lab` builds one.")
        return 1
    record = _record()
    heddle, config = f"{ROOT}/.venv/bin/heddle", f"{record['folder']}/HOST.toml"
    print(f"The API:          http://127.0.0.1:{record['port']}")
    print(f"As administrator: export OS_CLIENT_CONFIG_FILE={PLACE}/clouds.yaml OS_CLOUD=admin; openstack …")
    print(f"Logs, settings:   {record['folder']}")
    for name, pid in record["hosts"].items():
        print(f"{name + ':':<18}nsenter -t {pid} -n -m -u -p -i")
    print(f"In a host:        {heddle} --config {config} …")
    return 0


def _down(args: argparse.Namespace) -> int:
    pid = _holder()
    if not pid:
        print("There is no lab.")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while _holder() and time.monotonic() < deadline:
        time.sleep(0.05)
    if _holder():
        print(f"lab: process {pid} does not end; see {PLACE}/log", file=sys.stderr)
        return 1
    shutil.rmtree(PLACE, ignore_errors=True)
    print("The lab is gone.")
    return 0


def _record() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(RECORD.read_text())
        return found
    except (OSError, ValueError):
        return {}


def _holder() -> int:
    """The process that holds the lab, 0 if there is none."""
    pid = int(_record().get("pid", 0))
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return 0
    return pid if b"tests.cluster.run" in words else 0


if __name__ == "__main__":
    sys.exit(main())
