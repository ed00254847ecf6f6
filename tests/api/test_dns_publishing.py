"""What a DNS server outside is told, and when: the API's use cases, faults of that server, restarts, several servers.

The server is Knot, with dynamic updates; `tests/contract/test_dns_drivers.py` has the drivers by themselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from tests.api.conftest import Cloud, build
from tests.api.statements import counted
from tests.api.talk import Talk, addresses
from tests.engines.nameserver import Nameserver

from heddle.control import dns_publisher
from heddle.control.duties import Keeper
from heddle.dns.base import reverse_name
from heddle.store import tables as t

WEB = "web.example.org."
NONE: set[str] = set()


class Names:
    """A cloud with a driver, and the DNS server that it tells."""

    def __init__(self, cloud: Cloud, server: Nameserver) -> None:
        self.cloud, self.server = cloud, server
        cloud.store.publishes = True
        self.keeper = self.another()

    def another(self) -> Keeper:
        """What publishes in one more process of the cloud."""
        made = dns_publisher.keeper(self.cloud.store, self.cloud.settings)
        assert made is not None
        return made

    def now(self, keeper: Keeper | None = None) -> bool:
        """The publisher looks, as if what was put off were due; returns whether it has the lease."""
        r = t.dns_records.c
        with self.cloud.store.engine.begin() as conn:
            conn.execute(sa.update(t.dns_records).where(r.due > 0).values(due=1))
        return (keeper or self.keeper).look()

    def told(self, name: str, kind: str = "A") -> set[str]:
        """What the server says after the publisher has looked."""
        self.now()
        return self.server.values(name, kind)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cloud.admin.client.call("GET", "/heddle/v1/hosts").json()
        return found


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cloud, Nameserver]]:
    server = Nameserver()
    more = [*server.settings, "dns.timeout=2", "network.geneve_ranges=1:100"]
    cloud = build(tmp_path_factory.mktemp("names"), more=more)
    yield cloud, server
    cloud.close()
    server.close()


@pytest.fixture
def names(everything: tuple[Cloud, Nameserver]) -> Iterator[Names]:
    made = Names(*everything)
    yield made
    admin = made.cloud.admin
    for each in admin.list("floatingip"):
        admin.delete("floatingip", each["id"])
    for each in admin.list("port"):
        if not each["device_owner"].startswith("network:"):
            admin.delete("port", each["id"])
    made.keeper.give_back()
    last = made.another()
    assert made.now(last), "every test gives the lease back"
    last.give_back()
    assert made.status()["names"] == {"published": 0, "waiting": 0, "failed": 0}


_vlans = itertools.count(2000)


def public(admin: Talk, *cidrs: str, **more: Any) -> dict[str, Any]:
    """A network that is none of those that projects make: its ports are published."""
    segment = {"provider:network_type": "vlan", "provider:physical_network": "public",
               "provider:segmentation_id": next(_vlans)}  # fmt: skip
    network = admin.create("network", segment, shared=True, **more)
    for cidr in cidrs:
        admin.subnet(network, cidr)
    return network


def test_a_port_on_a_public_network(names: Names) -> None:
    network = public(names.cloud.admin, "192.0.2.0/24", "2001:db8::/64", dns_domain="example.org.")
    blue = names.cloud.tenant()
    port = blue.port(network, dns_name="web")
    v4, v6 = sorted(addresses(port), key=lambda address: ":" in address)
    assert names.told(WEB) == {v4} and names.told(WEB, "AAAA") == {v6}
    assert names.told(reverse_name(v4), "PTR") == names.told(reverse_name(v6), "PTR") == {WEB}
    assert 'heddle_dns_names{state="published"} 4' in names.cloud.admin.client.call("GET", "/metrics").body.decode()

    blue.update("port", port["id"], dns_name="www")
    assert names.told(WEB) == NONE and names.told("www.example.org.") == {v4}
    assert names.told(reverse_name(v4), "PTR") == {"www.example.org."}
    other = "192.0.2.77"
    subnet_of_v4 = next(ip["subnet_id"] for ip in port["fixed_ips"] if ip["ip_address"] == v4)
    moved = [{"subnet_id": subnet_of_v4, "ip_address": other}]
    names.cloud.admin.update("port", port["id"], fixed_ips=moved)
    assert names.told("www.example.org.") == {other} and names.told("www.example.org.", "AAAA") == NONE
    assert names.told(reverse_name(v4), "PTR") == NONE
    blue.update("port", port["id"], dns_domain="sub.example.org.")
    assert names.told("www.example.org.") == NONE and names.told("www.sub.example.org.") == {other}
    blue.delete("port", port["id"])
    assert names.told("www.sub.example.org.") == names.told(reverse_name(other), "PTR") == NONE
    assert names.status()["names"] == {"published": 0, "waiting": 0, "failed": 0}


def test_which_networks_are_public(names: Names) -> None:
    """The documented ones: not external, not of a number from the ranges of projects' networks."""
    admin, blue = names.cloud.admin, names.cloud.tenant()
    own = blue.create("network", dns_domain="example.org.")
    external = public(admin, "192.0.2.0/24", dns_domain="example.org.", **{"router:external": True})
    inside = {"provider:network_type": "geneve", "provider:segmentation_id": 50}
    outside = {"provider:network_type": "geneve", "provider:segmentation_id": 5000}
    for network in (own, inside := admin.create("network", inside, dns_domain="example.org.")):
        (blue if network is own else admin).subnet(network, "10.1.0.0/24")
    beyond = admin.create("network", outside, dns_domain="example.org.")
    admin.subnet(beyond, "192.0.2.0/24")
    for number, network in enumerate((own, external, inside)):
        admin.port(network, dns_name=f"no{number}")
    yes = admin.port(beyond, dns_name="yes")
    assert names.told("yes.example.org.") == set(addresses(yes))
    assert [names.told(f"no{number}.example.org.") for number in range(3)] == [NONE] * 3
    admin.port(beyond, name="without-a-dns-name")
    no_domain = admin.create("network", {"provider:network_type": "geneve", "provider:segmentation_id": 5001})
    admin.subnet(no_domain, "192.0.2.0/24")
    admin.port(no_domain, dns_name="lost")
    names.now()
    assert names.status()["names"]["published"] == 2, "A and PTR of the one"


def test_subnets_whose_addresses_are_published(names: Names) -> None:
    blue = names.cloud.tenant()
    network = blue.create("network", dns_domain="example.org.")
    blue.subnet(network, "10.0.0.0/24")
    flagged = blue.subnet(network, "2001:db8::/64", ip_version=6, dns_publish_fixed_ip=True)
    port = blue.port(network, dns_name="web")
    (v6,) = [address for address in addresses(port) if ":" in address]
    assert names.told(WEB, "AAAA") == {v6} and names.told(WEB) == NONE
    blue.update("subnet", flagged["id"], dns_publish_fixed_ip=False)
    assert names.told(WEB, "AAAA") == NONE
    blue.update("subnet", flagged["id"], dns_publish_fixed_ip=True)
    assert names.told(WEB, "AAAA") == {v6}
    blue.update("network", network["id"], dns_domain="sub.example.org.")
    assert names.told(WEB, "AAAA") == NONE and names.told("web.sub.example.org.", "AAAA") == {v6}


def test_floating_ips(names: Names) -> None:
    admin, blue = names.cloud.admin, names.cloud.tenant()
    outside = admin.create("network", {"router:external": True}, dns_domain="nobody.test.")
    admin.subnet(outside, "203.0.113.0/24", enable_dhcp=False)
    own = blue.create("floatingip", floating_network_id=outside["id"], dns_name="own", dns_domain="example.org.")
    at = own["floating_ip_address"]
    assert names.told("own.example.org.") == {at} and names.told(reverse_name(at), "PTR") == {"own.example.org."}

    network = blue.create("network", dns_domain="example.org.")
    subnet = blue.subnet(network, "10.0.0.0/24")
    router = blue.create("router", external_gateway_info={"network_id": outside["id"]})
    blue.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    port = blue.port(network, dns_name="web")
    floating = blue.create("floatingip", floating_network_id=outside["id"])
    assert names.told(WEB) == NONE
    blue.update("floatingip", floating["id"], port_id=port["id"])
    assert names.told(WEB) == {floating["floating_ip_address"]}
    blue.update("port", port["id"], dns_name="db")
    assert names.told(WEB) == NONE and names.told("db.example.org.") == {floating["floating_ip_address"]}
    blue.update("floatingip", floating["id"], port_id=None)
    assert names.told("db.example.org.") == NONE
    blue.update("floatingip", own["id"], port_id=port["id"])
    assert names.told("own.example.org.") == {at} and names.told("db.example.org.") == NONE, "its own name goes first"
    blue.update("floatingip", own["id"], port_id=None)
    blue.update("floatingip", floating["id"], port_id=port["id"])
    assert names.told("db.example.org.") == {floating["floating_ip_address"]}
    blue.delete("port", port["id"])
    assert names.told("db.example.org.") == NONE
    blue.delete("floatingip", own["id"])
    assert names.told("own.example.org.") == names.told(reverse_name(at), "PTR") == NONE


def test_a_name_belongs_to_whom_it_was_given_first(names: Names) -> None:
    network = public(names.cloud.admin, "192.0.2.0/24", dns_domain="example.org.")
    first = names.cloud.tenant().port(network, dns_name="web")
    assert names.told(WEB) == set(addresses(first))
    second = names.cloud.tenant().port(network, dns_name="web")
    assert names.told(WEB) == set(addresses(first))
    (fault,) = [each for each in names.status()["faults"] if each["kind"] == "name"]
    assert fault["id"] == f"{WEB} A" and "another port or floating IP" in fault["message"]
    names.cloud.admin.delete("port", first["id"])
    assert names.told(WEB) | names.told(WEB) == set(addresses(second))
    assert names.status()["faults"] == []


def test_while_the_server_is_away(names: Names) -> None:
    """No request waits for it or fails; what was acknowledged is told when it is back, by another process too."""
    network = public(names.cloud.admin, "192.0.2.0/24", dns_domain="example.org.")
    gone = names.cloud.admin.port(network, dns_name="gone")
    assert names.told("gone.example.org.") == set(addresses(gone))
    names.server.stop()
    port = names.cloud.admin.port(network, dns_name="web")
    names.cloud.admin.delete("port", gone["id"])
    names.now()
    faults = [each["message"] for each in names.status()["faults"]]
    assert faults and "cannot be asked" in faults[0] and names.server.secret not in str(names.status())
    assert names.status()["names"]["waiting"] + names.status()["names"]["failed"] == 4
    names.keeper.give_back()
    names.server.start()
    after = names.another()
    assert names.now(after)
    assert names.server.values(WEB, "A") == set(addresses(port))
    assert names.server.values("gone.example.org.", "A") == NONE
    assert names.status()["names"] == {"published": 2, "waiting": 0, "failed": 0} and names.status()["faults"] == []
    after.give_back()


def test_only_one_process_publishes(names: Names) -> None:
    network = public(names.cloud.admin, "192.0.2.0/24", dns_domain="example.org.")
    other = names.another()
    assert names.now() and not names.now(other)
    port = names.cloud.admin.port(network, dns_name="web")
    assert not names.now(other) and names.server.values(WEB, "A") == NONE
    names.keeper.give_back()
    assert names.now(other) and names.server.values(WEB, "A") == set(addresses(port))
    other.give_back()


def test_a_process_that_is_killed_between_telling_and_writing_it_down(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = public(names.cloud.admin, "192.0.2.0/24", dns_domain="example.org.")
    port = names.cloud.admin.port(network, dns_name="web")
    (address,) = addresses(port)

    def killed(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(dns_publisher, "_end", killed)
        names.now()
    assert names.server.values(WEB, "A") == {address}
    names.cloud.admin.update("port", port["id"], dns_name="other")
    assert names.told("other.example.org.") == {address} and names.server.values(WEB, "A") == NONE


def test_what_was_named_before_a_driver_was_set(names: Names) -> None:
    names.cloud.store.publishes = False
    network = public(names.cloud.admin, "192.0.2.0/24", dns_domain="example.org.")
    port = names.cloud.admin.port(network, dns_name="web")
    assert names.told(WEB) == set(addresses(port))
    names.cloud.admin.delete("port", port["id"])
    names.now()
    assert names.server.values(WEB, "A") == set(addresses(port)), "nobody has said that it changed"
    names.keeper.give_back()
    after = names.another()
    assert names.now(after)
    after.give_back()
    assert names.server.values(WEB, "A") == NONE


def test_names_cost_one_statement_and_nothing_for_others(names: Names) -> None:
    network = public(names.cloud.admin, "192.0.2.0/24", dns_domain="example.org.")
    costs: dict[str, Callable[[], Any]] = {
        "named": lambda: names.cloud.admin.port(network, dns_name="web"),
        "nameless": lambda: names.cloud.admin.port(network),
    }
    counts = {}
    for kind, make in costs.items():
        with counted(names.cloud.store) as statements:
            make()
        counts[kind] = [each for each in statements if "dns_" in each and "INSERT" in each and "dns_marks" in each]
    assert len(counts["named"]) == 1 and counts["nameless"] == []
