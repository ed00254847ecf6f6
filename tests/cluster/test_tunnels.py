"""`heddle upgrade check` looks at the tunnels between real hosts: what is in the way of some is told of those alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.cluster.lab import DATA, Lab

UNDERLAY = "nft add table bridge t; nft 'add chain bridge t c { type filter hook forward priority 0; }'"


def look(lab: Lab) -> list[dict[str, Any]]:
    said = lab.heddle(lab.servers[0], "upgrade", "check", "--format", "json", "--only", "network-tunnels", check=False)
    return list(json.loads(said[said.index("{") :])["checks"])


def all_well(lab: Lab) -> bool:
    (told,) = look(lab)
    return told["status"] == "success" and "6 of 6 ways tried, 6 by frames in tunnels" in told["evidence"]


def between(one: int, other: int, rule: str) -> str:
    """Rules of the network between the hosts for the packets of two of them."""
    return "\n".join(f"nft 'add rule bridge t c ip saddr {DATA}.{a} ip daddr {DATA}.{b} {rule}'"
                     for a, b in ((one, other), (other, one)))  # fmt: skip


@pytest.mark.timeout(400)
def test_what_is_in_the_way_of_tunnels(lab: Lab) -> None:
    (told,) = look(lab)
    assert told["status"] == "not_applicable", told
    network = lab.api.request("POST", "/v2.0/networks", {"network": {"name": "wide", "mtu": 1450}})["network"]["id"]
    for each in lab.hosts:
        lab.api.request("POST", "/v2.0/ports", {"port": {"network_id": network, "binding:host_id": each.name}})
    lab.until(lambda: all_well(lab), 20, "all tunnels work")

    lab.underlay.sh(UNDERLAY + "\n" + between(1, 2, "ip length > 1480 drop"))
    (told,) = look(lab)
    assert told["status"] == "failure" and told["node"] == "host1", told
    assert f"between host1 ({DATA}.1) and host2 ({DATA}.2)" in told["details"], told
    assert "packets of 1500 bytes do not pass" in told["details"] and "is 1480" in told["details"], told
    assert "by 20" in told["remedy"] and "host3" not in str(told), told

    lab.underlay.sh("nft flush chain bridge t c\n" + between(2, 3, "udp dport 4789 drop"))
    (told,) = look(lab)
    assert told["status"] == "failure" and "host2" in told["details"] and "host3" in told["details"], told
    assert "frames in vxlan do not come back" in told["details"] and "host1" not in str(told), told

    lab.underlay.sh("nft flush chain bridge t c; nft 'add rule bridge t c ip protocol icmp drop'")
    lab.until(lambda: all_well(lab), 20, "frames tell without echo requests")

    lab.underlay.sh("nft delete table bridge t; ip link set host3-d down")
    (told,) = look(lab)
    assert told["status"] == "failure" and told["node"] == "host3" and "both hosts" in told["details"], told
    lab.underlay.sh("ip link set host3-d up")
    lab.until(lambda: all_well(lab), 20, "all tunnels work again")
