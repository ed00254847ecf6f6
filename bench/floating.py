"""How soon a floating IP, and a forwarded port of one, leads to a guest, and how soon it no longer does.

Somebody outside asks every 2 ms while the request is under way: by a ping with a number of its own, or by a connection
to the port, each from another port of his.  The clock starts before the request.  "Answered" is when the first answer
comes; "silent" is when the first one was sent after which none was answered.  Before each round the guest outside
forgets its neighbours, so that it has to find the router's MAC as well.
"""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

from bench.askers import Asker, Connections, Listener, Pings
from bench.guests import Guest
from bench.measure import percentile
from bench.outdoors import API, Outdoors
from bench.rows import Measured
from bench.site import Site

INTERVAL, QUIET, PATIENCE = 0.002, 0.3, 10.0
PORT, INNER = 2200, 22


class Request(threading.Thread):
    """One that is sent while somebody asks; `took` is how long it was under way."""

    def __init__(self, send: Callable[[], Any]) -> None:
        super().__init__()
        self._send, self.result = send, None
        self.failure: Exception | None = None
        self.started = self.took = 0.0

    def run(self) -> None:
        self.started = time.monotonic()
        try:
            self.result = self._send()
        except Exception as error:
            self.failure = error
        self.took = time.monotonic() - self.started

    def finish(self) -> None:
        """Wait for it.  Raises what it has failed with."""
        self.join()
        if self.failure:
            raise self.failure


def until_answered(asker: Asker, request: Request) -> float:
    """Seconds from the request to the first answer.  Raises `RuntimeError` when there was one before, or none."""
    for _ in range(3):
        asker.ask()
        asker.wait(0.05)
    if asker.came:
        raise RuntimeError("it is answered before the request")
    request.start()
    end = time.monotonic() + PATIENCE
    while not asker.came and not request.failure and time.monotonic() < end:
        asker.ask()
        asker.wait(INTERVAL)
    request.finish()
    if not asker.came:
        raise RuntimeError(f"no answer within {PATIENCE:g} s")
    return asker.came[0] - request.started


def until_silent(asker: Asker, request: Request) -> float:
    """Seconds from the request to the first question after which none is answered.  Raises `RuntimeError`."""
    asked = []

    def ask(seconds: float) -> None:
        asked.append(time.monotonic())
        asker.ask()
        asker.wait(0)
        time.sleep(seconds)

    for _ in range(20):
        ask(INTERVAL)
    if not asker.asked:
        raise RuntimeError("it is not answered before the request")
    request.start()
    end = time.monotonic() + PATIENCE
    while request.is_alive() or time.monotonic() < max(request.started + request.took, asker.asked[-1]) + QUIET:
        ask(INTERVAL)
        if request.failure or time.monotonic() > end:
            request.finish()
            raise RuntimeError(f"it is still answered after {PATIENCE:g} s")
    return next(when for when in asked if when > max(asker.asked)) - request.started


def told(found: list[float], requests: list[float], what: str) -> Measured:
    ordered = sorted(found)
    half, worst = percentile(ordered, 0.5), percentile(ordered, 0.99)
    answered = 1000 * statistics.median(requests)
    return Measured(half, f"p50 {1000 * half:.0f}, p99 {1000 * worst:.0f} ms of {len(found)} rounds; the {what} was "
                          f"answered after {answered:.0f} ms")  # fmt: skip


def floating(cloud: Site, rounds: int) -> tuple[Measured, Measured, Measured, Measured]:
    """A floating IP given to a port and taken away, and the same for a forwarded port of another."""
    made = Outdoors(cloud, 105)
    guest = made.guest(made.nets[0])
    made.reaches(guest, made.stranger.address)
    found = (*_addresses(made, guest, rounds), *_forwardings(made, guest, rounds))
    made.remove()
    return found


def _addresses(made: Outdoors, guest: Guest, rounds: int) -> tuple[Measured, Measured]:
    address = made.floating()
    path = f"{API}/floatingips/{address['id']}"

    def give(port: str | None) -> Request:
        return Request(lambda: made.api.call("PUT", path, {"floatingip": {"port_id": port}}))

    return _taken(
        made, rounds, lambda: Pings(made.stranger, address["floating_ip_address"]),
        lambda: give(guest.port_id), lambda _: give(None), ("PUT", "PUT"),
    )  # fmt: skip


def _forwardings(made: Outdoors, guest: Guest, rounds: int) -> tuple[Measured, Measured]:
    address = made.floating()
    path = f"{API}/floatingips/{address['id']}/port_forwardings"
    body = {"port_forwarding": {"protocol": "tcp", "external_port": PORT, "internal_port": INNER,
                                "internal_port_id": guest.port_id, "internal_ip_address": guest.address}}  # fmt: skip
    kept = {"port_forwarding": {**body["port_forwarding"], "external_port": PORT + 1, "internal_port": INNER + 1}}
    # Another port of the address is forwarded all the time: the address is the router's, and refuses the rest.
    kept_id = made.api.call("POST", path, kept)["port_forwarding"]["id"]
    listener = Listener(guest, INNER)

    def remove(result: Any) -> Request:
        return Request(lambda: made.api.call("DELETE", f"{path}/{result['port_forwarding']['id']}"))

    found = _taken(
        made, rounds, lambda: Connections(made.stranger, address["floating_ip_address"], PORT),
        lambda: Request(lambda: made.api.call("POST", path, body)), remove, ("POST", "DELETE"),
    )  # fmt: skip
    listener.close()
    made.api.call("DELETE", f"{path}/{kept_id}")
    return found


def _taken(
    made: Outdoors, rounds: int, asker: Callable[[], Asker], give: Callable[[], Request],
    take: Callable[[Any], Request], names: tuple[str, str],
) -> tuple[Measured, Measured]:  # fmt: skip
    """Rounds after one that does not count."""
    answered, silent, gave, took = [], [], [], []
    for _ in range(rounds + 1):
        made.forget_neighbours()
        with contextlib.closing(asker()) as one:
            request = give()
            answered.append(until_answered(one, request))
            gave.append(request.took)
        time.sleep(0.2)
        with contextlib.closing(asker()) as one:
            back = take(request.result)
            silent.append(until_silent(one, back))
            took.append(back.took)
        time.sleep(0.2)
    return told(answered[1:], gave[1:], names[0]), told(silent[1:], took[1:], names[1])
