"""Connections survive that their router goes from one host to another: streams, in the kernel's own namespaces.

Runs in a process with network and mount namespaces of its own.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests.contract import two_routers
from tests.contract.inside import run_inside
from tests.contract.two_routers import Host, connect, sh, streams

from heddle.host import carried_events
from heddle.host.carried import ICMP, SCTP, TCP, UDP, Connection, Name, mirrored, worth
from heddle.host.carried_keep import Keeper

INSIDE = "HEDDLE_TEST_CARRIED"
inside = pytest.mark.skipif(not os.environ.get(INSIDE), reason="runs in namespaces of its own")


@pytest.mark.real
@pytest.mark.skipif(bool(os.environ.get(INSIDE)) or os.geteuid() != 0, reason="needs root")
def test_in_namespaces_of_their_own() -> None:
    run_inside(__file__, INSIDE)


@pytest.fixture
def topology() -> Iterator[None]:
    two_routers.build()
    connect("a")
    try:
        yield
    finally:
        two_routers.tear_down()


def until(condition: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def of(name: str) -> dict[Name, tuple[object, ...]]:
    """What is worth being carried in a namespace, as far as both kernels say the same of it."""
    keeper = Keeper(name)
    try:
        found = [each for each in keeper.connections() if worth(each)]
    finally:
        keeper.close()
    return {each.name: (each.answers, each.status, each.mark, each.state[:3]) for each in found}


@inside
@pytest.mark.parametrize("carried", [True, False])
def test_streams_go_on_where_the_other_router_was_told_of_them_and_nowhere_else(topology: None, carried: bool) -> None:
    hosts = [Host("a", True), Host("b", False)] if carried else []
    flows = dict(streams())
    try:
        for what, stream in flows.items():
            assert stream.passes(b"there") and stream.passes(b"back", back=True), what
        if carried:
            until(lambda: len(of("b")) == len(flows) and of("a") == of("b"), "both kernels have the same")
            hosts[0].end()
        connect("b")
        if carried:
            hosts[1].be(True, 2)
        patience = 8.0 if carried else 1.5
        passed = {what: stream.passes(b"after", True, patience) for what, stream in flows.items()}
        assert passed == dict.fromkeys(flows, carried), "who was connected to speaks first"
        if carried:
            for what, stream in flows.items():
                assert stream.passes(b"1", True) and stream.passes(b"2"), what
    finally:
        for stream in flows.values():
            stream.close()
        for host in hosts:
            host.end()


@inside
def test_what_ends_at_one_ends_at_the_other_and_who_begins_anew_agrees_again(topology: None) -> None:
    a, b = Host("a", True), Host("b", False)
    flows = dict(streams())
    try:
        for stream in flows.values():
            assert stream.passes(b"back", back=True)
        until(lambda: len(of("b")) == len(flows) and of("a") == of("b"), "both kernels have the same")
        flows.pop("TCP through SNAT").close()
        until(lambda: len(of("b")) == len(flows), "a stream that has ended is forgotten")
        a.end()
        sh("ip netns exec a conntrack -D -p udp", "ip netns exec b conntrack -D -f ipv6 -p tcp")
        fresh = two_routers.tcp("guest", "server", "203.0.113.9", 90, 90)
        flows["fresh"] = fresh
        a = Host("a", True)
        until(lambda: len(of("a")) == len(flows) - 1 and of("a") == of("b"), "after a restart both have the same")
        assert not any(name.protocol == UDP for name in of("b"))
        sh("ip netns del b")
        two_routers.netns.create("b")
        until(lambda: of("a") == of("b"), "a namespace made anew is told all")
    finally:
        for stream in flows.values():
            stream.close()
        a.end()
        b.end()


@inside
def test_news_that_are_lost_are_made_good(topology: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried_events, "_BUFFER", 1 << 14)
    a, b = Host("a", True), Host("b", False)
    keeper = Keeper("a")
    try:
        until(lambda: b.carrier.receiver.is_complete("r1"), "the standby has been told")
        many = [made(port) for port in range(1024, 4024)]
        assert not keeper.put(many)
        until(lambda: len(of("b")) == len(many), "the standby has all")
        assert a.carrier.sources["r1"].overruns, "the kernel had more to tell than could be read"
        keeper.drop(each.name for each in many[1:])
        until(lambda: list(of("b")) == [many[0].name], "and forgets what went")
    finally:
        keeper.close()
        a.end()
        b.end()


def made(port: int, **more: object) -> Connection:
    original = bytes((10, 0, 0, 2, 9, 9, 9, 9)) + port.to_bytes(2, "big") + b"\0\x50"
    reply = bytes((9, 9, 9, 9, 203, 0, 113, 1)) + b"\0\x50" + (port + 9).to_bytes(2, "big")
    return Connection(TCP, original, reply, 6, 600, bytes((3, 7, 7, 1, 1)), **more)  # type: ignore[arg-type]


@inside
def test_the_kernel_takes_every_kind_of_record_as_it_is(topology: None) -> None:
    ends = bytes((10, 0, 0, 2, 9, 9, 9, 9))
    ports = b"\x13\x88\0\x50"
    echo = Connection(ICMP, ends + b"\0\x63\x08\0", bytes((9, 9, 9, 9, 203, 0, 113, 1)) + b"\0\x64\0\0", 2, 300)
    six = bytes(range(32)) + ports
    sctp = Connection(SCTP, ends + ports, b"", 6, 300, b"\x04\x07\0\0\0\x09\0\0\0")
    both = Connection(UDP, ends + ports, bytes((10, 0, 0, 7, 10, 0, 0, 1)) + b"\0\x35\x20\x20", 6, 300, mark=7)
    plain = Connection(TCP, six, b"", 6, 300, bytes((4, 0, 0, 0, 0)))
    wanted = [made(5000, zone=3), made(5000, mark=0xFFFFFFFF), echo, sctp, both, plain]
    keeper = Keeper("b")
    try:
        for _ in range(2):
            assert not keeper.put(wanted), "made, and made anew"
            dump = carried_events.Dump("b")
            dump.begin()
            found, done = dump.next()
            while not done:
                more, done = dump.next()
                found += more
            dump.close()
            seen = {each.name: (each.reply, each.status, each.mark, each.state[:3]) for each in found}
            assert seen == {each.name: (each.reply, each.status, each.mark, each.state[:3]) for each in wanted}
        assert all(each.state[3] & each.state[4] & 8 for each in found if each.protocol == TCP), "liberal both ways"
        other = made(6000)
        clash = Connection(TCP, other.original, made(5000).reply, 6, 300, other.state)
        assert not keeper.put([clash]), "takes the place of the one whose answers it has"
        assert made(5000).name not in {each.name for each in keeper.connections()}
        assert mirrored(ICMP, mirrored(ICMP, echo.original)) == echo.original
    finally:
        keeper.close()
        assert threading.active_count() < 10
