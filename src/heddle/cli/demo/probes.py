"""How a row of the plan is tried.

A "yes" is an answer.  A "no" is silence, and silence proves nothing by itself: so what was sent bears a nonce (or,
for TCP, a pair of ports) for which every guest that must not see it is searched, and the same generator's
frames must have been captured where they may go.  Without that control the row says "unproved".  For what comes
from outside, the control is the row in which the rule has been added: there the same probe must be captured.
"""

from __future__ import annotations

import secrets
import struct
import time
from collections.abc import Callable, Iterable
from typing import Any

from heddle.cli.demo import outside
from heddle.cli.demo.build import GUESTS, WEB_PORT, Lab
from heddle.cli.demo.table import Result, Row
from heddle.host import wire
from heddle.host.guest import PREFIX

SETTLE, ENFORCED = 0.4, 5.0
INTERNET_PORT = 80
FORGED_MAC, FORGED_IP = "fa:16:3e:de:ad:01", "10.0.0.99"
OF = {plan.name: plan for plan in GUESTS}


class Bench:
    """The instruments: a tap in every guest, and services for TCP."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.taps = {name: wire.Tap(namespace(name), "eth0") for name in OF}
        self._services = [
            wire.Responder(namespace("outside"), INTERNET_PORT),
            wire.Responder(namespace("blue-a"), WEB_PORT),
        ]

    def close(self) -> None:
        for tap in self.taps.values():
            tap.close()
        for service in self._services:
            service.close()

    def station(self, guest: str) -> tuple[str, str]:
        """The MAC and address of a guest."""
        return (self.lab.ports[guest].mac_address, OF[guest].address)

    def address(self, row: Row) -> str:
        named = {"floating": self.lab.floating.floating_ip_address, "internet": outside.INTERNET}
        return str(named.get(row.target, row.target))

    def foreign(self, row: Row) -> list[str]:
        """The guests that must not see what the row's sender sends."""
        if row.sender == "outside":
            return list(OF)
        return [name for name, plan in OF.items() if plan.tenant != tenant_of(row.sender)]

    def saw(self, guests: Iterable[str], mark: bytes) -> list[str]:
        return [name for name in guests if self.taps[name].saw(mark)]

    def ping(self, sender: str, address: str, mark: bytes = b"", seconds: float = 1.0, tries: int = 1) -> wire.Answer:
        return wire.ping(namespace(sender), address, mark, seconds * self.lab.patience, tries)

    def tcp(self, sender: str, address: str, port: int, seconds: float = 1.0, source_port: int = 0) -> wire.Answer:
        return wire.tcp(namespace(sender), address, port, seconds * self.lab.patience, source_port)

    def settle(self) -> None:
        """Wait until what was sent is where it goes."""
        time.sleep(SETTLE * self.lab.patience)

    def captured(self, guest: str, marks: Iterable[bytes], seconds: float) -> bool:
        """Whether the guest's tap gets all of them in time."""
        return wire.until(lambda: all(self.taps[guest].saw(mark) for mark in marks), seconds * self.lab.patience)

    def eventually(self, probe: Callable[[], wire.Answer]) -> wire.Answer:
        """Until it is answered: what was just asked of the API may still be on its way to the switch."""
        deadline = time.monotonic() + ENFORCED * self.lab.patience
        while not (answer := probe()).ok and time.monotonic() < deadline:
            time.sleep(0.05)
        return answer

    def until_silent(self, probe: Callable[[], wire.Answer]) -> None:
        deadline = time.monotonic() + ENFORCED * self.lab.patience
        while probe().ok and time.monotonic() < deadline:
            time.sleep(0.05)


def namespace(who: str) -> str:
    return outside.NAME if who == "outside" else PREFIX + who


def tenant_of(guest: str) -> str:
    return guest.partition("-")[0]


def _result(row: Row, seen: str, ms: float | None = None, known: str = "", expected: str = "") -> Result:
    return Result(row.sender, row.to, row.protocol, expected or row.expected, seen, ms, known)


def reaches(bench: Bench, row: Row) -> Result:
    """An echo request is answered; the first may meet address resolution, so the second is timed."""
    target = bench.address(row)
    first = bench.eventually(lambda: bench.ping(row.sender, target))
    mark = wire.nonce()
    answer = bench.ping(row.sender, target, mark) if first.ok else first
    return _arrived(bench, row, answer, mark, "its nonce")


def connects(bench: Bench, row: Row) -> Result:
    target = bench.address(row)
    bench.eventually(lambda: bench.tcp(row.sender, target, WEB_PORT))
    port = _some_port()
    answer = bench.tcp(row.sender, target, WEB_PORT, source_port=port)
    return _arrived(bench, row, answer, _ports(port), "its ports")


def _arrived(bench: Bench, row: Row, answer: wire.Answer, mark: bytes, what: str) -> Result:
    """Answered, and captured where it should have gone."""
    if not answer.ok:
        return _result(row, "no", None, answer.said or "no answer")
    captured = bench.captured(row.to, [mark], SETTLE)
    known = f"{what} captured there" if captured else f"answered, but {what} not captured there"
    return _result(row, "yes" if captured else "unproved", answer.ms, known)


def leaves_as(bench: Bench, row: Row) -> Result:
    """A service outside says from which address it was reached."""
    own = bench.lab.floating.floating_ip_address if row.expected == "as floating IP" else (
        bench.lab.router_address(tenant_of(row.sender))
    )  # fmt: skip
    answer = bench.eventually(lambda: bench.tcp(row.sender, bench.address(row), INTERNET_PORT))
    seen = f"as {answer.said}" if answer.ok else "no"
    known = f"it came from its {row.expected.removeprefix('as ')}"
    return _result(row, seen, answer.ms if answer.ok else None, known, expected=f"as {own}")


def stays_away(bench: Bench, row: Row) -> Result:
    """Echo requests with a nonce are not answered and are on no tap of others."""
    target = bench.address(row)
    bench.until_silent(lambda: bench.ping(row.sender, target, seconds=0.3))
    mark = wire.nonce()
    answer = bench.ping(row.sender, target, mark, seconds=0.5, tries=2)
    others = bench.foreign(row)
    leaked = bench.saw(others, mark)
    if answer.ok or leaked:
        return _result(row, "yes", answer.ms, f"captured by {', '.join(leaked) or 'nobody'}")
    known = f"on 0/{len(others)} taps"
    if row.sender == "outside":
        return _result(row, "no", None, f"{known}; see: rule added")
    control = _control(bench, row.sender)
    return _result(row, "no" if control == "3/3" else "unproved", None, f"{known}; control {control}")


def is_refused(bench: Bench, row: Row) -> Result:
    """A connection is not made, and its ports are in no frame that a guest got."""
    target = bench.address(row)
    bench.until_silent(lambda: bench.tcp(row.sender, target, WEB_PORT, seconds=0.3))
    port = _some_port()
    answer = bench.tcp(row.sender, target, WEB_PORT, seconds=1.0, source_port=port)
    leaked = bench.saw(OF, _ports(port))
    if answer.ok or leaked:
        return _result(row, "yes", answer.ms, f"captured by {', '.join(leaked) or 'nobody'}")
    return _result(row, "no", None, f"on 0/{len(OF)} taps; see: rule added")


def frames_stay_away(bench: Bench, row: Row) -> Result:
    """Unicast, broadcast and ARP frames to each of the others' addresses: none is on any of their taps."""
    others = bench.foreign(row)
    marks: list[bytes] = []
    for other in others:
        frames, made = _three(bench.station(row.sender), bench.station(other))
        wire.send(namespace(row.sender), "eth0", frames)
        marks += made
    bench.settle()
    leaked = sum(bool(bench.saw(others, mark)) for mark in marks)
    control = _control(bench, row.sender)
    seen = "yes" if leaked else "no" if control == "3/3" else "unproved"
    return _result(row, seen, None, f"{leaked}/{len(marks)} on {len(others)} taps; control {control}")


def spoofed_is_dropped(bench: Bench, row: Row) -> Result:
    """The same frames with a forged source do not arrive where those with the true one do."""
    mac, address = bench.station(row.sender)
    forged = (FORGED_MAC, address) if row.target == "mac" else (mac, FORGED_IP)
    frames, marks = _three(forged, bench.station(row.to))
    wire.send(namespace(row.sender), "eth0", frames)
    bench.settle()
    arrived = sum(bool(bench.saw(OF, mark)) for mark in marks)
    control = _control(bench, row.sender)
    seen = "yes" if arrived else "no" if control == "3/3" else "unproved"
    return _result(row, seen, None, f"{arrived}/3 captured; true source {control}")


def is_not_listed(bench: Bench, row: Row) -> Result:
    """None of blue's objects is in red's lists, nor when red asks for them by id."""
    red, found, asked = bench.lab.tenants["red"].network, 0, 0
    for kind, id in _of_blue(bench.lab):
        lister: Callable[..., Iterable[Any]] = getattr(red, f"{kind}s")
        asked += 1
        found += any(item.id == id for item in lister()) or any(True for _ in lister(id=id))
    return _result(row, "not found" if not found else f"{found} found", None, f"asked for {asked} objects of blue")


def is_not_shown(bench: Bench, row: Row) -> Result:
    return _hidden(bench, row, "get")


def is_not_deleted(bench: Bench, row: Row) -> Result:
    return _hidden(bench, row, "delete")


def _hidden(bench: Bench, row: Row, verb: str) -> Result:
    """Every one answers 404, and is still there for blue."""
    from openstack.exceptions import NotFoundException

    red, blue = bench.lab.tenants["red"].network, bench.lab.tenants["blue"].network
    hidden, objects = 0, _of_blue(bench.lab)
    for kind, id in objects:
        options = {"ignore_missing": False} if verb == "delete" else {}
        try:
            getattr(red, f"{verb}_{kind}")(id, **options)
        except NotFoundException:
            hidden += 1
        getattr(blue, f"get_{kind}")(id)
    seen = "not found" if hidden == len(objects) else f"{len(objects) - hidden} reached"
    return _result(row, seen, None, f"{hidden}/{len(objects)} answer 404, blue has them")


def _of_blue(lab: Lab) -> list[tuple[str, str]]:
    port = lab.ports["blue-a"]
    return [
        ("network", port.network_id),
        ("subnet", port.fixed_ips[0]["subnet_id"]),
        ("port", port.id),
        ("router", lab.routers["blue"].id),
        ("ip", lab.floating.id),
        ("security_group", lab.web_group.id),
    ]


def _some_port() -> int:
    return 20000 + secrets.randbelow(12000)


def _ports(source: int) -> bytes:
    """How a segment to the web port begins."""
    return struct.pack("!HH", source, WEB_PORT)


def _three(source: tuple[str, str], target: tuple[str, str]) -> tuple[list[bytes], list[bytes]]:
    """A unicast, a broadcast and an ARP frame, and the nonce of each."""
    marks = [wire.nonce() for _ in range(3)]
    everybody = (wire.BROADCAST, "255.255.255.255")
    frames = [
        wire.udp_frame(source, target, marks[0]),
        wire.udp_frame(source, everybody, marks[1]),
        wire.arp_frame(source, (wire.BROADCAST, target[1]), marks[2]),
    ]
    return frames, marks


def _control(bench: Bench, sender: str) -> str:
    """The same generator's frames to a guest that may have them: how many of them it got."""
    tenant = tenant_of(sender)
    friend = next(
        name for name, plan in OF.items()
        if plan.tenant == tenant and name != sender and plan.network == OF[sender].network
    )  # fmt: skip
    frames, marks = _three(bench.station(sender), bench.station(friend))
    wire.send(namespace(sender), "eth0", frames)
    bench.captured(friend, marks, 1.0)
    return f"{sum(bench.taps[friend].saw(mark) for mark in marks)}/3"
