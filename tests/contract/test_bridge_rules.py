"""What nft makes of every form of rule that a host with Linux bridges has: an agent that starts finds its tables right.

Each test runs in network and mount namespaces of its own, in which IP protocols have their usual names, or others.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
from tests.fakes.objects import OUT, allow, default_group, group, network, port
from tests.golden.test_bridge import Planned

from heddle.host.bridge_rules import BridgeRules
from heddle.host.netlink import NETFILTER, Netlink
from heddle.host.nft import Chain, Table, generation
from heddle.view.types import AddressPair, FixedIp, LocalIpView, LogView, MemberView, RuleView, Segment

PEERS = ({}, {"cidr": "four"}, {"cidr": "host"}, {"remote": "friends"})
ADDRESSES = {4: {"four": "192.0.2.0/24", "host": "198.51.100.7/32"}, 6: {"four": "fd01::/64", "host": "fd00::7/128"}}
RENAMED = "sed 's/^gre/greeting/' /etc/protocols >/run/names; mount --bind /run/names /etc/protocols; "


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("host", ["", RENAMED], ids=["usual names", "other names of protocols"])
@pytest.mark.parametrize("state", ["stateful", "stateless"])
def test_a_restart_writes_nothing(host: str, state: str) -> None:
    command = f"mount --make-rprivate /; mount -t tmpfs tmpfs /run; {host}exec {sys.executable} {__file__} {state}"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = ["unshare", "-n", "-m", "sh", "-ec", command]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "same\n"), done.stdout + done.stderr


def forms() -> Iterator[RuleView]:
    """A rule of each protocol by each form of its ports, from each form of peer, in both directions and IP versions."""
    icmp = ((-1, -1), *product((*range(19), 30, 128, 129, 133, 136, 143, 200, 255), (-1, 0, 1, 4, 200)))
    ports = ((-1, -1), (22, 22), (1000, 1999), (0, 65535), (0, 0))
    for version, direction in product((4, 6), ("ingress", "egress")):
        for protocol in (-1, *range(256)) if direction == "ingress" else (-1, 1, 6, 17, 47, 58, 132):
            of = icmp if protocol in (1, 58) else ports if protocol in (6, 17, 132) else [(-1, -1)]
            for asked in of:
                yield allow(direction, version, protocol, asked)
        for protocol, peer in product((-1, 1, 6, 17, 47, 132), PEERS):
            here = {key: ADDRESSES[version].get(value, value) for key, value in peer.items()}
            yield allow(direction, version, protocol, **here)


def tables(stateful: bool) -> tuple[Table, ...]:
    """Those of a host with a port of all rules, one that is logged, one without rules, local IPs and trusted ports."""
    planned = Planned()
    cloud = planned.cloud
    cloud.put(network("net-a", Segment("vxlan", "", 77)), network("net-b", Segment("flat", "physnet1")))
    cloud.put(default_group(), group("all", *forms(), stateful=stateful), group("web", *OUT, stateful=stateful))
    cloud.put(MemberView(id="friends/1", group_id="friends", addresses=["10.0.0.9/32", "10.3.0.0/16"]))
    cloud.put(MemberView(id="friends/2", group_id="friends", addresses=["2001:db8::9/128", "fd01::/64"]))
    both = [FixedIp("s4", "10.0.0.1"), FixedIp("s6", "2001:db8::1")]
    pairs = [AddressPair("10.9.0.0/24", port(1).mac_address), AddressPair("fd00::/64", "00:00:5e:00:01:07")]
    planned.guest(1, "all", fixed_ips=both, allowed_address_pairs=pairs)
    planned.guest(2, "web")
    planned.guest(3, "default")
    planned.guest(4, device_owner="network:router_interface")
    planned.guest(5, net="net-b", port_security=False)
    cloud.put(LogView(id="log", event="ALL", project_id="project-of-net-a", port_id=port(2).id))
    cloud.put(LocalIpView(id="near", network_id="net-a", port_id=port(1).id, local_ip="10.0.0.100",
                          fixed_ip="10.0.0.1"))  # fmt: skip
    return planned.tables()


def inside(stateful: bool) -> str:
    """Write the tables, and start anew: once when they are right, and once when a rule has been taken away."""
    wanted = tables(stateful)
    with started() as rules:
        assert rules.ensure(wanted), "the first time there is nothing"
    with started() as rules, contextlib.closing(Netlink(NETFILTER)) as netlink:
        before = generation(netlink)
        if rules.ensure(wanted) or generation(netlink) != before:
            return "written anew"
        subprocess.run(["nft", "add table inet others"], check=True)
        if rules.disturbed():
            return "what others committed counts as a change of ours"
    less = tuple(replace(each, chains=tuple(map(_shortened, each.chains))) for each in wanted)
    assert less != wanted
    with started() as rules:
        rules.replace(less)
    with started() as rules:
        return "same" if rules.ensure(wanted) else "what was taken away is not missed"


def _shortened(chain: Chain) -> Chain:
    return replace(chain, rules=chain.rules[1:]) if len(chain.rules) > 100 else chain


@contextlib.contextmanager
def started() -> Iterator[BridgeRules]:
    made = BridgeRules()
    yield made
    made.close()


if __name__ == "__main__":
    print(inside(sys.argv[1] == "stateful"))
