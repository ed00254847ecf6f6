"""Established connections survive the death of the host on which their highly available router is active."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from tests.cluster.ha import Scene, patient
from tests.cluster.hitless import TOOL
from tests.cluster.tenants import Guest

INTERVAL, PORT = "0.05", "7000"


@pytest.fixture
def scene() -> Iterator[Scene]:
    with patient() as made:
        yield made


def start(guest: Guest, *words: str) -> subprocess.Popen[str]:
    child = guest.host.popen(
        "ip", "netns", "exec", guest.name, sys.executable, TOOL, *words,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    return child


def ended(child: subprocess.Popen[str]) -> dict[str, object]:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.close()
    found: dict[str, object] = json.loads(child.stdout.read())
    return found


def carried(scene: Scene, name: str) -> set[str]:
    """The lines of TCP connections that a router's namespace has on a host, without what each kernel counts alone."""
    space = f"qrouter-{scene.router['id']}"
    command = ("ip", "netns", "exec", space, "conntrack", "-L", "-p", "tcp", "--state", "ESTABLISHED")
    listed = scene.host(name).run(*command)
    return {" ".join(w for w in line.split() if "=" in w) for line in listed.splitlines() if f"port={PORT}" in line}


def both(scene: Scene, one: str, other: str) -> bool:
    """Whether the two streams are there, alike."""
    found = carried(scene, one)
    return len(found) == 2 and found == carried(scene, other)


def test_streams_go_on_on_the_other_host(scene: Scene) -> None:
    """Through SNAT from a guest without a floating IP, and to one that has one; after a second death too."""
    behind = scene.tenant.guest(scene.inner, scene.lab.hosts[2])
    scene.tenant.wait()
    servers = [start(guest, "echo", PORT) for guest in (scene.outside, scene.guest)]
    scene.lab.until(lambda: behind.pings(scene.outside.ip), 20, "the guest behind SNAT reaches the outside")
    ways = {"SNAT": (behind, scene.outside.ip), "floating IP": (scene.outside, scene.address)}
    streams = {way: start(guest, "stream", INTERVAL, address, PORT) for way, (guest, address) in ways.items()}
    for _ in range(2):
        old = scene.settled()
        new = scene.other(old)
        scene.lab.until(lambda here=old, there=new: both(scene, here, there), 20, "both hosts have both streams")
        scene.host_dies(old)
        scene.lab.until(lambda there=new: scene.here(there) == "active", 10, "the other host has taken over")
        time.sleep(2)
        scene.comes_back(old)
        assert scene.settled() == new
    for way, child in streams.items():
        seen = ended(child)
        assert seen["whole"] and not seen["broken"], f"{way}: {seen}"
    for child in servers:
        child.kill()
        child.wait()
