"""Connections as Open vSwitch tells them, and the frames that mark them."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.host.connection import Tracked, frame_of, packet_out, parse_connections
from heddle.host.wire import checksum

DUMP = """\
tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=40332,dport=80),reply=(src=10.0.0.2,dst=10.0.0.1,sport=80,dport=40332),\
zone=1,mark=3,protoinfo=(state=ESTABLISHED)
udp,orig=(src=2001:db8::1,dst=2001:db8::2,sport=5,dport=53),reply=(src=2001:db8::2,dst=2001:db8::1,sport=53,dport=5),\
zone=4095
icmp,orig=(src=10.0.0.1,dst=10.0.0.2,id=11,type=8,code=0),reply=(src=10.0.0.2,dst=10.0.0.1,id=11,type=0,code=0),\
zone=2,mark=7
tcp,orig=(src=10.0.0.1,dst=10.0.9.9,sport=1,dport=2),reply=(src=10.0.0.3,dst=10.0.0.1,sport=2,dport=1),zone=32770
47,orig=(src=10.0.0.1,dst=10.0.0.2),reply=(src=10.0.0.2,dst=10.0.0.1),zone=2,mark=1
sctp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2),reply=(src=10.0.0.2,dst=10.0.0.1,sport=2,dport=1),zone=2
mystery,orig=(src=10.0.0.1,dst=10.0.0.2),reply=(src=10.0.0.2,dst=10.0.0.1),zone=2
"""


def test_what_a_dump_says() -> None:
    assert list(parse_connections(DUMP)) == [
        Tracked(1, 6, "10.0.0.1", "10.0.0.2", 40332, 80, 0, 3),
        Tracked(4095, 17, "2001:db8::1", "2001:db8::2", 5, 53),
        Tracked(2, 1, "10.0.0.1", "10.0.0.2", 11, 8, 0, 7),
        Tracked(32770, 6, "10.0.0.1", "10.0.9.9", 1, 2, translated="10.0.0.3"),
        Tracked(2, 47, "10.0.0.1", "10.0.0.2", mark=1),
        Tracked(2, 132, "10.0.0.1", "10.0.0.2", 1, 2),
    ]
    assert not list(parse_connections(""))


@st.composite
def connections(draw: st.DrawFn) -> Tracked:
    version = draw(st.sampled_from([4, 6]))
    ends = [str(draw(st.ip_addresses(v=version))) for _ in range(2)]  # type: ignore[arg-type]
    protocol = draw(st.sampled_from([6, 17, 1 if version == 4 else 58, 47]))
    port = st.integers(0, 0xFFFF)
    if protocol == 47:
        return Tracked(9, protocol, ends[0], ends[1])
    if protocol in (1, 58):
        return Tracked(9, protocol, ends[0], ends[1], draw(port), draw(st.integers(0, 255)), draw(st.integers(0, 255)))
    return Tracked(9, protocol, ends[0], ends[1], draw(port), draw(port))


@given(connections())
def test_a_frame_belongs_to_its_connection_and_its_checksums_are_right(each: Tracked) -> None:
    """Read by the places that RFC 791, 8200, 9293, 768, 792 and 4443 give."""
    frame = frame_of(each)
    six = ":" in each.source
    assert frame[12:14] == (b"\x86\xdd" if six else b"\x08\x00")
    packet = frame[14:]
    if six:
        assert (packet[0] >> 4, packet[6]) == (6, each.protocol)
        ends, body = packet[8:40], packet[40:]
        assert struct.unpack("!H", packet[4:6])[0] == len(body)
    else:
        assert (packet[0], packet[9]) == (0x45, each.protocol)
        ends, body = packet[12:20], packet[20:]
        assert struct.unpack("!H", packet[2:4])[0] == len(packet)
        assert checksum(packet[:20]) == 0
    assert ends == ip_address(each.source).packed + ip_address(each.target).packed
    if each.protocol in (6, 17):
        assert struct.unpack("!HH", body[:4]) == (each.source_port, each.target_port)
    elif each.protocol in (1, 58):
        assert (body[0], body[1], struct.unpack("!H", body[4:6])[0]) == (each.target_port, each.code, each.source_port)
    if each.protocol == 47:
        return
    pseudo = b"" if each.protocol == 1 else ends + struct.pack("!II", len(body), each.protocol)
    assert checksum(pseudo + body) in (0, 0xFFFF)


@pytest.mark.parametrize("zone", [1, 4095])
def test_a_frame_is_committed_in_its_zone_and_goes_nowhere(zone: int) -> None:
    line = packet_out(Tracked(zone, 6, "10.0.0.1", "10.0.0.2", 1, 2))
    actions = line.partition("actions=")[2]
    assert actions == f"ct(commit,zone={zone},exec(set_field:0x4->ct_mark))"
    assert "output" not in actions and "table" not in actions


@given(st.binary(min_size=1, max_size=99))
def test_a_checksum_of_any_number_of_bytes(data: bytes) -> None:
    even = data + b"\0" * (len(data) % 2)
    assert checksum(even + struct.pack("!H", checksum(data))) == 0
