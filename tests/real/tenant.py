"""A tenant of a lab: a router, two networks, and guests."""

from __future__ import annotations

from tests.fakes import l3
from tests.real.lab import L3Lab

from heddle.view.types import AssignmentView, GroupView, RuleView

OPEN = GroupView(
    id="open", rules=[RuleView(id="in", direction="ingress", ethertype=4), RuleView(id="out", direction="egress",
                                                                                     ethertype=4)]
)  # fmt: skip


def with_outside(made: L3Lab) -> None:
    """An external network, with somebody on it."""
    made.cloud.put(
        OPEN, l3.network("public", mtu=1500, external=True),
        l3.subnet("public4", "public", "203.0.113.0/24", "203.0.113.1"),
    )  # fmt: skip
    made.until(lambda: "br-ex" in made.host.run("ovs-vsctl", "list-br").split(), 5, "br-ex is there")
    made.outside("outside", "203.0.113.1/24")


class Tenant:
    """A router with two networks, and a guest with an address by hand on each; ids from `base` on."""

    def __init__(self, made: L3Lab, name: str, base: int, gateway: str, tunnel: int) -> None:
        self.lab, self.name, self.base = made, name, base
        self.router = l3.uuid(base)
        self.gateway_address = gateway
        self.networks = [f"{name}-a", f"{name}-b"]
        self.guests = [f"{name}1", f"{name}2"]
        self.gateway = l3.gateway_port(base + 1, self.router, {"public4": gateway})
        self.ports = [
            l3.port(base + 10 + i, network, {f"{network}-4": f"10.0.{i}.10"}, security_groups=["open"])
            for i, network in enumerate(self.networks)
        ]
        for i, network in enumerate(self.networks):
            made.cloud.put(
                l3.network(network, tunnel=tunnel + i),
                l3.subnet(f"{network}-4", network, f"10.0.{i}.0/24", f"10.0.{i}.1"),
            )
            made.cloud.port(
                l3.interface_port(base + 2 + i, self.router, network, {f"{network}-4": f"10.0.{i}.1"})
            )
            made.cloud.port(self.ports[i])
            made.host.plug(
                self.guests[i], self.ports[i].mac_address, [f"10.0.{i}.10/24"], self.ports[i].id, gateway=f"10.0.{i}.1"
            )
        made.cloud.port(self.gateway)
        made.cloud.put(
            l3.router(self.router, self.gateway),
            AssignmentView(id=f"router/{self.router}", role="router", object_id=self.router),
        )

    @property
    def space(self) -> str:
        return f"qrouter-{self.router}"

    def pings(self, guest: int, address: str, count: int = 1) -> bool:
        return self.lab.host.pings(self.guests[guest], address, count)

    def reaches(self, guest: int, address: str) -> None:
        self.lab.until(lambda: self.pings(guest, address), 5, f"{self.guests[guest]} reaches {address}")
