"""A change by hand in the very moment of a change of ours: it is found, and nothing else is taken for one.

`test_rulesets.py` runs these tests in network and mount namespaces of their own, in which `nft` is a program that
lets somebody else commit right after each transaction, as often as the file `HAND` has lines.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from heddle.host.bridge_rules import BridgeRules
from heddle.host.nft import Chain, Table
from heddle.host.spaces import Spaces

HAND = Path("/run/by-hand")
NAME = "qtest-one"
FLUSH = "flush chain inet heddle c"


def table(*ports: int, family: str = "inet") -> Table:
    hook = "type filter hook input priority filter; policy accept;"
    return Table(family, "heddle", (), (Chain("c", hook, tuple(f"tcp dport {port} drop" for port in ports)),))


@pytest.fixture
def spaces() -> Iterator[Spaces]:
    made = Spaces("qtest-")
    yield made
    HAND.unlink(missing_ok=True)
    made.remove(NAME)
    made.close()


@pytest.fixture
def bridge() -> Iterator[BridgeRules]:
    made = BridgeRules()
    yield made
    HAND.unlink(missing_ok=True)
    made.close()


def test_a_flush_right_after_our_change_is_drift(spaces: Spaces) -> None:
    space = spaces.ensure(NAME, {})
    assert space.rules(table(1)) == "changed"
    assert not space.disturbed(table(1))
    HAND.write_text(FLUSH)
    assert space.rules(table(1, 2)) == "changed"
    assert space.disturbed(table(1, 2))
    assert space.rules(table(1, 2)) == "drift"
    assert space.rules(table(1, 2)) == "same"
    assert not space.disturbed(table(1, 2))


def test_anothers_table_made_right_after_our_change_is_no_drift(spaces: Spaces) -> None:
    space = spaces.ensure(NAME, {})
    HAND.write_text("add table inet another")
    assert space.rules(table(1)) == "changed"
    assert not space.disturbed(table(1))
    assert space.rules(table(1)) == "same"


def test_a_flush_right_after_a_repair_is_drift_again(spaces: Spaces) -> None:
    space = spaces.ensure(NAME, {})
    HAND.write_text(f"{FLUSH}\n{FLUSH}\n")
    assert space.rules(table(1)) == "changed"
    assert space.rules(table(1)) == "drift"
    assert space.disturbed(table(1))
    assert space.rules(table(1)) == "drift"
    assert not space.disturbed(table(1))


def test_of_bridges_too(bridge: BridgeRules) -> None:
    assert bridge.ensure((table(1),))
    assert not bridge.disturbed()
    HAND.write_text(FLUSH)
    assert bridge.ensure((table(1, 2),))
    assert bridge.disturbed()
    assert bridge.repair()
    assert not bridge.disturbed() and not bridge.repair()


def test_of_bridges_a_change_before_our_next_one(bridge: BridgeRules) -> None:
    """Ours changes another chain: what was done by hand stays until the audit."""
    two = Chain("d", "", ())
    assert bridge.ensure((table(1),))
    subprocess.run(["nft", FLUSH], check=True)
    more = Table("inet", "heddle", (), (*table(1).chains, two))
    assert bridge.ensure((more,))
    assert bridge.disturbed()
    assert bridge.repair()
    assert not bridge.disturbed()
