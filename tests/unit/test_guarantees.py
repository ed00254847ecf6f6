"""What settings say that a host can promise to ports, and how it is printed."""

from __future__ import annotations

import msgspec
import pytest

from heddle.agent.guarantees import of_settings
from heddle.cli.capacity import text
from heddle.config import Agent
from heddle.control.guarantees import shown
from heddle.errors import ConfigError
from heddle.model.capacity import Amount, totals

PACKETS = "resource_provider_packet_processing"


def test_settings_become_what_may_be_promised() -> None:
    agent = Agent(
        tunnel_ip="192.0.2.1",
        resource_provider_bandwidths=("br-ex:1000:2000", "rp_tunnelled:30:40"),
        resource_provider_inventory_defaults=("allocation_ratio:1.5", "reserved:10"),
        resource_provider_packet_processing_with_direction=(":5:6",),
    )
    told = of_settings(agent, "host1")
    assert told.bandwidths["br-ex"] == {"egress": 1000, "ingress": 2000}
    assert told.packets_by_direction == {"host1": {"egress": 5, "ingress": 6}}
    assert totals(shown(told)) == {
        Amount("kbps", "br-ex", "egress"): 1485, Amount("kbps", "br-ex", "ingress"): 2985,
        Amount("kbps", "rp_tunnelled", "egress"): 30, Amount("kbps", "rp_tunnelled", "ingress"): 45,
        Amount("kpps", "", "egress"): 5, Amount("kpps", "", "ingress"): 6,
    }  # fmt: skip
    together = of_settings(Agent(resource_provider_packet_processing_without_direction=(":7",)), "host1")
    assert totals(shown(together)) == {Amount("kpps", "", "any"): 7}
    assert totals(shown(of_settings(Agent(), "host1"))) == {}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"resource_provider_bandwidths": ("br-ex:1",)}, "expected <name>:<egress>:<ingress>"),
        ({"resource_provider_bandwidths": ("br-ex:1:-2",)}, "whole numbers"),
        ({"resource_provider_bandwidths": ("br-ex:1:2", "br-ex:1:2")}, "each name once"),
        ({"resource_provider_bandwidths": ("br-no:1:2",)}, "has no 'br-no'; what can be promised of is: br-ex"),
        ({"resource_provider_bandwidths": ("rp_tunnelled:1:2",)}, "this host has no 'rp_tunnelled'"),
        ({"resource_provider_inventory_defaults": ("max_unit:1",)}, "expected allocation_ratio"),
        ({f"{PACKETS}_inventory_defaults": ("reserved:0.5",)}, "reserved:<whole number>"),
        ({f"{PACKETS}_without_direction": (":1",), f"{PACKETS}_with_direction": (":1:1",)}, "one of them, not both"),
    ],
)
def test_settings_that_cannot_be_stop_the_agent(settings: dict[str, tuple[str, ...]], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        of_settings(msgspec.structs.replace(Agent(), **settings), "host1")
    assert "agent.resource_provider" in str(caught.value)


def test_what_is_printed() -> None:
    one = {"host": "host1", "provider": "br-ex", "direction": "egress", "unit": "kbps", "total": 9, "claimed": 3,
           "free": 6, "ports": {"a": 1, "b": 2}}  # fmt: skip
    lines = text([one, {**one, "provider": "", "unit": "kpps"}])
    assert lines[1].split() == ["host1", "br-ex", "egress", "kbps", "9", "3", "6", "2"]
    assert "the host" in lines[2] and "resource_provider_bandwidths" in text([])[0]
