"""How the MAC addresses begin that the cloud chooses: as its settings say, and a wrong setting is said at the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.api.conftest import build

from heddle.config import load
from heddle.errors import ConfigError


def test_what_the_cloud_chooses_begins_so_and_is_lower_case(tmp_path: Path) -> None:
    cloud = build(tmp_path, more=["network.base_mac=FA:16:3B:00:00:00"])
    try:
        blue = cloud.tenant()
        network, _ = blue.network("10.0.0.0/24")
        mac = blue.create("port", network_id=network["id"])["mac_address"]
        assert mac.startswith("fa:16:3b:") and mac == mac.lower()
    finally:
        cloud.close()


@pytest.mark.parametrize("name", ["network.base_mac", "agent.dvr_base_mac"])
@pytest.mark.parametrize("wrong", ["fa-16-3e-00-00-00", "fa:16:3e", "ff:16:3e:00:00:00", "fa:16:3e:00:00:00\n", ""])
def test_what_is_no_mac_of_one_card(name: str, wrong: str) -> None:
    """Flows and rules would name it, and be refused with all that comes with them; one of a group reaches nobody."""
    with pytest.raises(ConfigError, match=f"{name}=.*: write a MAC address"):
        load(overrides=[f"{name}={wrong}"], environ={})
    load(overrides=[f"{name}=fa:16:3e:4f:00:00"], environ={})
