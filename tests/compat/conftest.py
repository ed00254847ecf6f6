"""A real server process on the loopback, and the real clients that talk to it."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openstack.connection
import pytest
from openstackclient.common.clientmanager import ClientManager
from openstackclient.shell import OpenStackShell
from osc_lib.clientmanager import ClientCache
from tests.fakes.client import PASSWORD

JSON = ("-f", "json")

SERVER = f"""
import logging
from heddle.api.listening import listen
from heddle.api.server import open_store, serve
from heddle.config import load
from heddle.control.identity.bootstrap import bootstrap
logging.basicConfig(level=logging.INFO)
settings = load()
store = open_store(settings)
bootstrap(store, {PASSWORD!r}, settings)
store.close()
serve(settings, listen(settings), lambda: None)
"""


@dataclass
class Cloud:
    """`url` is the server's root; `clouds` the file that names the users."""

    url: str
    folder: Path

    def openstack(self, *args: str, cloud: str = "admin") -> Any:
        """Run the `openstack` command; gives what it printed, read as JSON where it is."""
        done = self.run(*args, cloud=cloud)
        assert done.returncode == 0, f"openstack {' '.join(args)}: {done.stderr}{done.stdout}"
        return _read(done.stdout)

    def refuses(self, why: str, *args: str, cloud: str = "admin") -> None:
        """Run the `openstack` command, which fails and says `why`."""
        done = self.run(*args, cloud=cloud)
        assert done.returncode != 0 and why in done.stderr, f"openstack {' '.join(args)}: {done.stderr}{done.stdout}"

    def run(self, *args: str, cloud: str = "admin") -> subprocess.CompletedProcess[str]:
        """Run the `openstack` command inside this process, which saves the seconds that it takes to load."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(err):
            for name in [name for name in os.environ if name.startswith("OS_")]:
                patched.delenv(name)
            for name, value in self.environment(cloud).items():
                patched.setenv(name, value)
            _forget_clients()
            code = OpenStackShell().run(list(args))
        return subprocess.CompletedProcess(args, code, out.getvalue(), err.getvalue())

    def run_alone(self, *args: str, cloud: str = "admin") -> Any:
        """Run the `openstack` command as a process of its own."""
        command = Path(sys.executable).with_name("openstack")
        env = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        env |= self.environment(cloud)
        done = subprocess.run([command, *args], env=env, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done.stderr
        return _read(done.stdout)

    def environment(self, cloud: str) -> dict[str, str]:
        return {
            "OS_CLIENT_CONFIG_FILE": str(self.folder / "clouds.yaml"),
            "OS_CLOUD": cloud,
            "HOME": str(self.folder),
        }

    def add(self, name: str, **auth: Any) -> None:
        """A cloud entry, so that `cloud=name` logs in with `auth`."""
        file = self.folder / "clouds.yaml"
        known = json.loads(file.read_text()) if file.exists() else {"clouds": {}}
        kind = auth.pop("auth_type", "password")
        domains = {"user_domain_name": "Default", "project_domain_name": "Default"} if kind == "password" else {}
        known["clouds"][name] = {
            "auth_type": kind,
            "auth": {"auth_url": f"{self.url}/identity", **domains, **auth},
            "region_name": "RegionOne",
            "identity_api_version": "3",
        }
        file.write_text(json.dumps(known))

    def member(self, project: str, user: str, role: str = "member") -> Callable[..., Any]:
        """A new project with a user in it, who logs in as `cloud=project`; gives the command as that user."""
        self.openstack("project", "create", project, *JSON)
        self.openstack("user", "create", user, "--password", PASSWORD, *JSON)
        self.openstack("role", "add", "--project", project, "--user", user, role)
        self.add(project, username=user, password=PASSWORD, project_name=project)
        return lambda *words: self.openstack(*words, cloud=project)

    def sdk(self, name: str) -> openstack.connection.Connection:
        """openstacksdk, logged in as the cloud `name`."""
        known = json.loads((self.folder / "clouds.yaml").read_text())["clouds"][name]
        return openstack.connection.Connection(
            auth_type=known["auth_type"], auth=known["auth"], region_name="RegionOne", identity_api_version="3"
        )


def column(items: list[dict[str, Any]], name: str = "Name") -> set[str]:
    """What a printed list has in its column `name`."""
    return {item[name] for item in items}


def _forget_clients() -> None:
    """The command keeps its clients, with their sessions, for as long as the process lives."""
    for kept in (value for cls in ClientManager.__mro__ for value in vars(cls).values()):
        if isinstance(kept, ClientCache):
            kept._handle = None


def _read(text: str) -> Any:
    text = text.strip()
    return json.loads(text) if text[:1] in ("[", "{") else text


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """The cloud of all tests; each has projects of its own."""
    with running() as made:
        yield made


@contextmanager
def running() -> Iterator[Cloud]:
    """A new server process with a database of its own."""
    folder = Path(tempfile.mkdtemp(prefix="hd-"))
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith("HEDDLE_")}
    env |= {f"HEDDLE_PATHS_{name.upper()}": str(folder / name) for name in ("state", "run", "log")}
    for name in ("state", "run", "log"):
        (folder / name).mkdir(mode=0o700)
    env["HEDDLE_SERVER_PORT"] = str(port)
    with open(folder / "server.log", "w") as log:
        server = subprocess.Popen([sys.executable, "-c", SERVER], env=env, stdout=log, stderr=log)
    try:
        made = Cloud(f"http://127.0.0.1:{port}", folder)
        _wait(made.url, server, folder / "server.log")
        made.add("admin", username="admin", password=PASSWORD, project_name="admin")
        yield made
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {log.read_text()[-3000:]}")
