"""The demo's pure parts: the table, the frames, the plan."""

from __future__ import annotations

import struct

from heddle.cli.demo.plan import PLAN, Row
from heddle.cli.demo.table import WIDTH, Result, render
from heddle.host import wire

A, B = ("fa:16:3e:00:00:01", "10.0.0.1"), ("fa:16:3e:00:00:02", "10.0.0.2")


def test_the_table_keeps_its_width_and_marks_what_is_wrong() -> None:
    rows = [Result(row.sender, row.to, row.protocol, row.expected, row.expected, 123.456, "word " * 20) for row in PLAN
            if isinstance(row, Row)]  # fmt: skip
    lines = render([*rows, Result("a", "b", "ping", "no", "yes")]).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert lines[-1].split() == ["a", "b", "ping", "no", "yes", "(!)", "-"]


def test_frames_carry_the_nonce_and_right_checksums() -> None:
    mark = wire.nonce()
    frame = wire.udp_frame(A, B, mark)
    assert frame[:6] == bytes.fromhex("fa163e000002") and frame.endswith(mark)
    assert wire.checksum(frame[14:34]) == 0
    arp = wire.arp_frame(A, (wire.BROADCAST, B[1]), mark)
    assert len(arp) >= 60 and mark in arp
    assert struct.unpack("!H", arp[12:14])[0] == 0x0806


def test_the_plan_has_a_row_for_each_promise() -> None:
    rows = [item for item in PLAN if isinstance(item, Row)]
    protocols = " ".join(row.protocol for row in rows)
    for word in ("same network", "router", "raw frames", "SNAT", "floating IP", "rule added", "rule removed",
                 "spoofed MAC", "spoofed IP", "API: list", "API: show", "API: delete"):  # fmt: skip
        assert word in protocols
    assert {row.expected for row in rows} == {"yes", "no", "not found", "as router", "as floating IP"}
