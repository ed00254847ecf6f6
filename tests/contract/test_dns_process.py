"""A server process of its own tells Knot of a port's name, soon and without its secret in the log."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.nameserver import Nameserver

from heddle.cli.client import Client, credentials
from heddle.config import load

WEB = "web.example.org."


def settings_in(folder: Path, *more: str) -> list[str]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    paths = [f"paths.{name}={folder / name}" for name in ("state", "run", "log")]
    return [*paths, f"server.port={port}", "server.user=root", *more]


@contextmanager
def server(settings: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    words = [word for each in settings for word in ("--set", each)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "heddle.cli.main", *words, "server"], stdout=out, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def until(condition: Callable[[], bool], seconds: float, log: Path) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, log.read_text()[-2000:]
        time.sleep(0.1)


def test_a_server_tells_names(tmp_path: Path) -> None:
    names, log = Nameserver(), tmp_path / "out"
    settings = settings_in(tmp_path, *names.settings)
    try:
        with server(settings, log):
            until(lambda: "serving url" in log.read_text(), 60, log)
            client = Client(credentials(load(overrides=settings, environ={})))
            segment = {"provider:network_type": "vlan", "provider:physical_network": "public",
                       "provider:segmentation_id": 77}  # fmt: skip
            made = client.request("POST", "/v2.0/networks", {"network": {**segment, "dns_domain": "example.org."}})
            subnet = {"network_id": made["network"]["id"], "cidr": "192.0.2.0/24", "ip_version": 4}
            client.request("POST", "/v2.0/subnets", {"subnet": subnet})
            body = {"port": {"network_id": made["network"]["id"], "dns_name": "web"}}
            address = client.request("POST", "/v2.0/ports", body)["port"]["fixed_ips"][0]["ip_address"]
            until(lambda: names.values(WEB, "A") == {address}, 20, log)
        assert "name published name=web.example.org. type=A" in log.read_text()
        assert names.secret not in log.read_text()
    finally:
        names.close()


def test_a_server_with_wrong_settings_ends(tmp_path: Path) -> None:
    log = tmp_path / "out"
    with server(settings_in(tmp_path, "dns.driver=bind"), log) as process:
        assert process.wait(60) != 0
    assert "dns.driver: there is no 'bind'; there are: designate, rfc2136" in log.read_text()


