"""Security groups and anti-spoofing on Linux bridges: what holds on Open vSwitch holds here, by the same packets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.real import test_security
from tests.real.bridgehost import BridgeLab, bridge_lab

# What looks into the connection table of Open vSwitch.
OWN = {"test_stateless_groups_track_nothing", "test_a_new_owner_of_an_address_inherits_no_connection"}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[BridgeLab]:
    with bridge_lab(tmp_path) as made:
        yield made


globals().update({
    name: test for name, test in vars(test_security).items() if name.startswith("test_") and name not in OWN
})  # fmt: skip
