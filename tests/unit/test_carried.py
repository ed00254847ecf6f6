"""What hosts say of connections: it comes out as it went in, and junk is refused with one error."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.agent.ha.connections.channel import BadChannel, Channel
from heddle.agent.ha.connections.wire import MOST_BYTES, Ask, BadMessage, Begin, Changes, End, decode, encode
from heddle.host.carried import ICMP, ICMPV6, SCTP, TCP, UDP, Connection, worth
from heddle.host.carried_codec import creation, read

KEY = b"k" * 32


def connection(port: int = 5000, protocol: int = UDP, **more: object) -> Connection:
    original = bytes((10, 0, 0, 2, 9, 9, 9, 9)) + port.to_bytes(2, "big") + b"\0\x50"
    return Connection(protocol, original, b"", 6, 60, **more)  # type: ignore[arg-type]


@st.composite
def connections(draw: st.DrawFn) -> Connection:
    protocol = draw(st.sampled_from((ICMP, ICMPV6, TCP, UDP, SCTP)))
    sizes = {ICMP: (12,), ICMPV6: (36,)}.get(protocol, (12, 36))
    size = draw(st.sampled_from(sizes))
    state = b""
    if protocol == TCP:
        state = bytes((draw(st.integers(1, 9)), draw(st.integers(0, 14)), draw(st.integers(0, 14))))
        state += draw(st.binary(min_size=2, max_size=2))
    elif protocol == SCTP:
        state = bytes((draw(st.integers(1, 8)),)) + draw(st.binary(min_size=8, max_size=8))
    packed = st.binary(min_size=size, max_size=size)
    return Connection(
        protocol, draw(packed), draw(st.one_of(st.just(b""), packed)), draw(st.sampled_from((0, 2, 4, 6, 0x406))),
        draw(st.integers(0, 2_000_000)), state, draw(st.integers(0, 0xFFFFFFFF)), draw(st.integers(0, 0xFFFF)),
    )  # fmt: skip


@given(st.lists(connections(), max_size=4), st.integers(0, 1 << 62))
def test_what_is_said_is_what_is_heard(told: list[Connection], number: int) -> None:
    for message in (
        Changes("r1", 7, number, told, [each.name for each in told]),
        Begin("r1", 7, number), End("r1", 7, number), Ask("r1"),
    ):  # fmt: skip
        assert decode(encode(message)) == message


@given(connections())
def test_what_the_kernel_is_told_is_read_as_the_connection(each: Connection) -> None:
    """Its messages are laid out as those of the kernel; what is translated stands beside the untranslated answers."""
    found = read(creation(each).body)
    assert found is not None
    assert (found.name, found.mark, found.timeout) == (each.name, each.mark, max(each.timeout, 1))
    assert found.reply == b"" and found.state[:3] == each.state[:3]


@given(st.binary(max_size=200))
def test_junk_is_refused_with_one_error(junk: bytes) -> None:
    for data in (junk, b"\x01" + junk):
        try:
            decode(data)
        except BadMessage:
            continue


@given(st.lists(connections(), min_size=1, max_size=3), st.data())
def test_a_message_that_was_changed_is_refused_or_is_a_message(told: list[Connection], data: st.DataObject) -> None:
    encoded = bytearray(encode(Changes("r1", 7, 8, told, [told[0].name])))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = decode(bytes(encoded))
    except BadMessage:
        return
    for each in message.changed if isinstance(message, Changes) else ():
        assert creation(each).body


@pytest.mark.parametrize("flawed", [
    connection(zone=65536), connection(zone=-1), connection(mark=1 << 32), connection(state=b"\x03"),
    connection(protocol=TCP), connection(protocol=47), connection(protocol=ICMPV6),
    connection(protocol=TCP, state=b"\x0a\0\0\0\0"), connection(protocol=TCP, state=b"\x03\x0f\0\0\0"),
    Connection(UDP, b"short", b"", 6, 60), Connection(UDP, bytes(12), bytes(36), 6, 60),
    Connection(UDP, bytes(12), b"", 0x10, 60), Connection(UDP, bytes(12), b"", 6, -1),
])  # fmt: skip
def test_a_record_that_no_kernel_can_have_is_refused(flawed: Connection) -> None:
    with pytest.raises(BadMessage):
        decode(encode(Changes("r1", 1, 1, [flawed], [])))
    with pytest.raises(BadMessage):
        decode(b"\x02" + encode(Ask("r1"))[1:])
    with pytest.raises(BadMessage):
        decode(encode(Changes("r1", 1, 1, [connection()] * 60, [])))


@given(st.binary(max_size=300))
def test_a_message_of_the_kernel_that_is_odd_raises_nothing(body: bytes) -> None:
    read(body)
    read(bytes(4) + struct.pack("=HH", 4 + len(body), 1) + body)


def test_what_is_worth_being_carried() -> None:
    established = connection(protocol=TCP, state=b"\x03\0\0\0\0")
    assert worth(established) and worth(connection())
    assert not worth(connection(protocol=TCP, state=b"\x07\0\0\0\0")), "it has ended"
    assert not worth(Connection(TCP, established.original, b"", 2, 60, established.state)), "it is not assured"
    assert not worth(Connection(UDP, established.original, b"", 0, 60)), "nobody answered"
    assert not worth(Connection(ICMP, established.original, b"", 6, 60))


def test_a_connection_takes_few_bytes() -> None:
    natted = Connection(TCP, bytes(12), bytes(range(12)), 6, 432000, b"\x03\x07\x07\x0a\x0a", 0, 0)
    one, two = (len(encode(Changes("r" * 36, 1, 1, [natted] * count, []))) for count in (1, 2))
    assert two - one <= 48 and two <= MOST_BYTES


# Channels


def greeted(key: bytes = KEY, recipient: str = "b") -> tuple[Channel, Channel]:
    dials, dialled = Channel(KEY, "a", recipient), Channel(key, "b")
    for _ in range(3):
        carry(dialled, dials)
        carry(dials, dialled)
    return dials, dialled


def carry(source: Channel, target: Channel, piece: int = 1 << 20) -> list[bytes]:
    data, found = bytes(source.outgoing), []
    source.outgoing.clear()
    for start in range(0, len(data), piece):
        found += target.feed(data[start : start + piece])
    return found


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_a_channel_carries_messages_both_ways_however_they_are_cut(piece: int) -> None:
    a, b = greeted()
    assert a.is_open and b.is_open and b.peer == "a"
    a.send(b"one")
    a.send(b"two")
    b.send(b"back")
    assert carry(a, b, piece) == [b"one", b"two"] and carry(b, a, piece) == [b"back"]


def test_another_key_and_another_recipient_are_refused() -> None:
    with pytest.raises(BadChannel):
        greeted(key=b"x" * 32)
    with pytest.raises(BadChannel):
        greeted(recipient="c")
    with pytest.raises(BadChannel):
        Channel(KEY, "a", "b").send(b"too early")


@pytest.mark.parametrize("also", [b"y" * 32, KEY])
def test_who_is_dialled_takes_either_of_two_keys(also: bytes) -> None:
    """While the key becomes another one: the channel is that of the key with which the other came."""
    dials, dialled = Channel(KEY, "a", "b"), Channel(KEY if also != KEY else b"y" * 32, "b", also=also)
    for _ in range(3):
        carry(dialled, dials)
        carry(dials, dialled)
    assert dials.is_open and dialled.is_open and dialled.key == KEY
    dials.send(b"one")
    assert carry(dials, dialled) == [b"one"]


def test_what_was_recorded_counts_neither_again_nor_elsewhere() -> None:
    a, b = greeted()
    a.send(b"one")
    recorded = bytes(a.outgoing)
    assert carry(a, b) == [b"one"]
    _, other = greeted()
    for channel in (b, other, a):
        with pytest.raises(BadChannel):
            channel.feed(recorded if channel is not other else recorded * 2)


@given(st.binary(max_size=200), st.booleans())
def test_junk_on_a_channel_opens_nothing(junk: bytes, dials: bool) -> None:
    channel = Channel(KEY, "a", "b" if dials else "")
    with contextlib.suppress(BadChannel):
        assert channel.feed(junk) == []
    assert not channel.is_open
