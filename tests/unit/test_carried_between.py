"""What is told of connections and what is kept: coalesced, bounded, and equal in the end whatever is lost."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from heddle.agent.ha.connections.outbox import Outbox
from heddle.agent.ha.connections.receiver import Receiver
from heddle.agent.ha.connections.wire import MOST_BYTES, Ask, Begin, Changes, End, decode
from heddle.host.carried import UDP, Connection, Name


class Kept:
    """A namespace in memory."""

    def __init__(self) -> None:
        self.found: dict[Name, Connection] = {}

    def put(self, connections: Iterable[Connection]) -> list[OSError]:
        self.found.update((each.name, each) for each in connections)
        return []

    def drop(self, names: Iterable[Name]) -> list[OSError]:
        for name in names:
            self.found.pop(Name(*name), None)
        return []

    def keep_only(self, names: Collection[Name]) -> int:
        surplus = [name for name in self.found if name not in names]
        self.drop(surplus)
        return len(surplus)

    def close(self) -> None: ...


def connection(port: int, mark: int = 0) -> Connection:
    original = bytes((10, 0, 0, 2, 9, 9, 9, 9)) + port.to_bytes(2, "big") + b"\0\x50"
    return Connection(UDP, original, b"", 6, 60, b"", mark)


def taken(outbox: Outbox) -> list[bytes]:
    found = []
    while (data := outbox.take()) is not None:
        found.append(data)
    return found


def begun(*routers: str, most: int = 1000) -> Outbox:
    outbox = Outbox(most)
    for router in routers or ("r1",):
        outbox.carry(router, 1)
        outbox.begin(router)
    return outbox


def test_many_changes_of_one_connection_are_told_once() -> None:
    outbox = begun()
    for mark in range(50):
        outbox.change("r1", connection(1).name, connection(1, mark))
    outbox.change("r1", connection(2).name, connection(2))
    outbox.change("r1", connection(2).name, None)
    _, message = [decode(data) for data in taken(outbox)]
    assert isinstance(message, Changes)
    assert message.changed == [connection(1, 49)] and message.gone == [connection(2).name]
    assert not taken(outbox) and outbox.waiting == 0


def test_a_beginning_is_told_in_messages_that_fit_and_in_order() -> None:
    outbox = begun()
    for port in range(500):
        outbox.change("r1", connection(port).name, connection(port))
    outbox.end("r1")
    data = taken(outbox)
    first, *middle, last = [decode(each) for each in data]
    assert isinstance(first, Begin) and isinstance(last, End) and max(map(len, data)) <= MOST_BYTES
    assert [each.number for each in (*middle, last)] == list(range(1, len(data)))  # type: ignore[union-attr]
    assert len(data) < 500 / 20, "more than twenty in a message"


def test_nothing_is_told_until_all_is_read_and_nothing_of_what_is_forgotten() -> None:
    outbox = Outbox()
    outbox.carry("r1", 1)
    outbox.change("r1", connection(1).name, connection(1))
    assert outbox.wants("r1") and outbox.is_due and not taken(outbox)
    outbox.begin("r1")
    outbox.change("r1", connection(1).name, connection(1))
    outbox.forget("r1")
    assert not taken(outbox) and outbox.waiting == 0 and not outbox.is_due


def test_a_host_that_cannot_keep_up_costs_no_more_than_the_limit_and_begins_anew() -> None:
    outbox = begun("r1", "r2", most=100)
    for port in range(60):
        outbox.change("r2", connection(port).name, connection(port))
    for port in range(200):
        outbox.change("r1", connection(port).name, connection(port))
        assert outbox.waiting <= 100
    assert outbox.wants("r1") and not outbox.wants("r2"), "the one that is too much, not the other"


def heard(receiver: Receiver, data: Iterable[bytes], now: float = 0.0, sender: str = "a") -> list[Ask]:
    answers = [receiver.hear(now, sender, decode(each)) for each in data]
    return [each for each in answers if each is not None]


def standby() -> tuple[Receiver, Kept]:
    kept = Kept()
    receiver = Receiver(lambda name: kept)
    assert receiver.stand_by("r1", "space")
    return receiver, kept


def test_a_beginning_replaces_what_was_there() -> None:
    receiver, kept = standby()
    kept.put([connection(1), connection(9)])
    outbox = begun()
    outbox.change("r1", connection(1).name, connection(1, 5))
    assert not heard(receiver, taken(outbox)) and len(kept.found) == 2 and not receiver.is_complete("r1")
    outbox.change("r1", connection(2).name, connection(2))
    outbox.end("r1")
    assert not heard(receiver, taken(outbox))
    assert list(kept.found.values()) == [connection(1, 5), connection(2)] and receiver.is_complete("r1")


def test_who_misses_something_asks_and_no_more_often_than_is_fit() -> None:
    receiver, kept = standby()
    outbox = begun()
    outbox.end("r1")
    assert not heard(receiver, taken(outbox))
    lost = []
    for port in range(3):
        outbox.change("r1", connection(port).name, connection(port))
        lost += taken(outbox)
    assert heard(receiver, lost[1:]) == [Ask("r1")] and not kept.found
    assert not heard(receiver, lost[1:], now=0.5) and heard(receiver, lost[1:], now=1.5) == [Ask("r1")]


def test_the_greater_term_counts_and_a_host_that_went_no_longer_does() -> None:
    receiver, kept = standby()
    new, old = Outbox(), Outbox()
    for outbox, term in ((new, 5), (old, 4)):
        outbox.carry("r1", term)
        outbox.begin("r1")
    old.change("r1", connection(1).name, connection(1))
    new.change("r1", connection(2).name, connection(2))
    heard(receiver, taken(new), sender="b")
    late = taken(old)
    heard(receiver, late, sender="a")
    assert list(kept.found.values()) == [connection(2)]
    receiver.cut_off("a")
    heard(receiver, late, sender="a")
    assert list(kept.found.values()) == [connection(2)], "the host that went was not the one that counts"
    receiver.cut_off("b")
    heard(receiver, late, sender="a")
    assert connection(1) in kept.found.values()


@settings(max_examples=60)
@given(st.data())
def test_whatever_is_lost_doubled_or_late_both_are_equal_in_the_end(data: st.DataObject) -> None:
    """A reading of all goes on while connections come and go; what carries the messages loses some."""
    receiver, kept = standby()
    outbox = Outbox(most=12)
    outbox.carry("r1", 1)
    there: dict[Name, Connection] = {}
    now = 0.0
    for _ in range(data.draw(st.integers(0, 60))):
        now += 0.4
        each = connection(data.draw(st.integers(0, 9)), data.draw(st.integers(0, 3)))
        gone = data.draw(st.booleans())
        if gone:
            there.pop(each.name, None)
        else:
            there[each.name] = each
        outbox.change("r1", each.name, None if gone else each)
        _read_all(outbox, there)
        messages = taken(outbox) if data.draw(st.booleans()) else []
        messages = [each for each in messages for _ in range(data.draw(st.sampled_from((1, 1, 1, 0, 2))))]
        if heard(receiver, messages, now):
            outbox.again("r1")
    outbox.again("r1")
    _read_all(outbox, there)
    assert not heard(receiver, taken(outbox), now + 5)
    assert kept.found == there and receiver.is_complete("r1")


def _read_all(outbox: Outbox, there: dict[Name, Connection]) -> None:
    if outbox.wants("r1"):
        outbox.begin("r1")
        for name, each in there.items():
            outbox.change("r1", name, each)
        outbox.end("r1")
