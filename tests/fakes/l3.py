"""View objects of a small cloud, as the tests of routers and DHCP use them."""

from __future__ import annotations

from heddle.view.types import (
    FixedIp,
    FloatingIpView,
    Forwarding,
    MeteringLabelView,
    MeteringRule,
    NeighbourView,
    NetworkView,
    PortView,
    RouterView,
    Segment,
    SubnetView,
)


def uuid(number: int) -> str:
    """An id that differs from others in its first eleven characters."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def mac(number: int) -> str:
    return f"fa:16:3e:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"


def network(id: str, mtu: int = 1450, tunnel: int = 7, external: bool = False, dns_domain: str = "") -> NetworkView:
    segment = Segment("flat", "public") if external else Segment("vxlan", "", tunnel)
    return NetworkView(id=id, mtu=mtu, segments=[segment], external=external, dns_domain=dns_domain)


def subnet(id: str, network_id: str, cidr: str, gateway: str = "", **more: object) -> SubnetView:
    version = 6 if ":" in cidr else 4
    return SubnetView(  # type: ignore[arg-type]
        id=id, network_id=network_id, cidr=cidr, ip_version=version, gateway_ip=gateway, **more
    )


def port(
    number: int, network_id: str, fixed: dict[str, str], owner: str = "compute:lab", device: str = "", **more: object
) -> PortView:
    """`fixed`: subnet id -> address."""
    return PortView(  # type: ignore[arg-type]
        id=uuid(number),
        network_id=network_id,
        mac_address=mac(number),
        fixed_ips=[FixedIp(subnet_id, address) for subnet_id, address in fixed.items()],
        device_owner=owner,
        device_id=device,
        **more,
    )


def neighbour(of: PortView, hostname: str = "", **more: object) -> NeighbourView:
    return NeighbourView(  # type: ignore[arg-type]
        id=of.id,
        network_id=of.network_id,
        mac_address=of.mac_address,
        fixed_ips=of.fixed_ips,
        device_owner=of.device_owner,
        hostname=hostname,
        **more,
    )


def router(id: str, gateway: PortView | None = None, **more: object) -> RouterView:
    return RouterView(id=id, gateway_port_id=gateway.id if gateway else "", **more)  # type: ignore[arg-type]


def gateway_port(number: int, router_id: str, fixed: dict[str, str], network_id: str = "public") -> PortView:
    return port(number, network_id, fixed, "network:router_gateway", router_id, port_security=False)


def interface_port(number: int, router_id: str, network_id: str, fixed: dict[str, str]) -> PortView:
    return port(number, network_id, fixed, "network:router_interface", router_id, port_security=False)


def dhcp_port(number: int, network_id: str, fixed: dict[str, str]) -> PortView:
    return port(number, network_id, fixed, "network:dhcp", f"dhcp-{network_id}", port_security=False)


def floating_ip(id: str, router_id: str, address: str, fixed: str, of: PortView) -> FloatingIpView:
    return FloatingIpView(
        id=id, router_id=router_id, floating_ip=address, fixed_ip=fixed, port_id=of.id, floating_network_id="public"
    )


def forwarding_ip(id: str, router_id: str, address: str, *forwardings: Forwarding) -> FloatingIpView:
    """A floating IP that forwards ports."""
    return FloatingIpView(
        id=id, router_id=router_id, floating_ip=address, fixed_ip="", port_id="", floating_network_id="public",
        forwardings=list(forwardings),
    )  # fmt: skip


def forwarding(outside: tuple[int, int], address: str, inside: tuple[int, int], protocol: str = "tcp") -> Forwarding:
    return Forwarding(f"w{outside[0]}", protocol, *outside, address, *inside)


def label(id: str, *rules: MeteringRule, project: str = "", shared: bool = False) -> MeteringLabelView:
    return MeteringLabelView(id=id, project_id=project, shared=shared, rules=list(rules))
