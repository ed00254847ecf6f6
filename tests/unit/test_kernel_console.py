"""The virtual machine's serial line, and the judgement on it; no machine is started here."""

from __future__ import annotations

import pytest
from tests.kernel.console import Heard, Lines, Said, on_the_kernel, parse
from tests.kernel.promises import Promises

GOOD = {"datapath_type": "system", "datapath": "system@ovs-system", "ports": "17", "flows": "30", "connections": "4"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("heddle-vm: step Open vSwitch runs\r\n", Said("step", "Open vSwitch runs")),
        ("heddle-vm: result 0", Said("result", "0")),
        ("heddle-vm: nonsense 1", Said("", "heddle-vm: nonsense 1")),
        (" blue-a  blue-b  yes", Said("", " blue-a  blue-b  yes")),
        ("", Said("", "")),
    ],
)
def test_lines_for_the_runner_are_told_from_output(line: str, said: Said) -> None:
    assert parse(line) == said


def test_lines_come_in_pieces() -> None:
    lines = Lines()
    assert lines.feed("heddle-vm: fact a ─".encode()[:-1]) == []
    assert lines.feed("─".encode()[-1:] + b"\nhalf") == ["heddle-vm: fact a ─"]
    assert lines.feed(b"\n\n") == ["half", ""]


def test_what_was_heard() -> None:
    heard = Heard()
    for line in ("heddle-vm: fact kernel 6.1", "text", "heddle-vm: mark made 1 a", "heddle-vm: result 3 no disk"):
        heard.take(parse(line))
    assert heard == Heard(["text"], {"kernel": "6.1"}, ["made 1 a"], 3, "no disk")
    heard.take(Said("result", "what"))
    assert heard.result == 99


def test_the_kernels_datapath_is_recognised() -> None:
    assert on_the_kernel(GOOD) == []
    assert on_the_kernel(GOOD | {"datapath_type": '"system"'}) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"datapath_type": "netdev"},
        {"datapath": "netdev@ovs-netdev"},
        {"datapath": "netdev@ovs-netdev system@ovs-system"},
        {"datapath": ""},
        {"flows": "0"},
        {"connections": ""},
    ],
)
def test_another_datapath_is_not_accepted(wrong: dict[str, str]) -> None:
    assert on_the_kernel(GOOD | wrong)
    assert on_the_kernel({})


def promises(*marks: str) -> Promises:
    made = Promises()
    for mark in marks:
        made.take(mark)
    return made


@pytest.mark.parametrize(
    ("there", "broken"),
    [
        (["there 1 a"], []),
        (["there 1 a-new"], []),
        (["there 1 other"], ["port 1 was named a and is named other"]),
        (["there 2 b", "there 1 a"], []),
        ([], ["port 1 was answered with 201 and is not there"]),
    ],
)
def test_a_port_that_was_answered_must_be_there(there: list[str], broken: list[str]) -> None:
    assert promises("made 1 a", *there).broken() == broken


def test_a_deleted_port_must_not_be_there() -> None:
    assert promises("made 1 a", "asked 1", "gone 1").broken() == []
    assert promises("made 1 a", "asked 1", "gone 1", "there 1 a").broken() == ["port 1 was deleted and is there"]


@pytest.mark.parametrize("there", [[], ["there 1 a"]])
def test_what_was_asked_and_not_answered_may_be_either_and_stays_so(there: list[str]) -> None:
    held = promises("made 1 a", "asked 1", *there)
    assert held.broken() == []
    held.settle()
    held.boot()
    held.take("there 1 a" if not there else "there 2 b")
    assert len(held.broken()) == 1


def test_what_a_boot_showed_is_promised_for_the_next() -> None:
    held = promises("there 7 unanswered")
    held.settle()
    held.boot()
    assert held.broken() == ["port 7 was answered with 201 and is not there"]
