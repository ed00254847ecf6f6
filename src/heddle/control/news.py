"""Which scopes a change concerns: what is noted when an object is new, other than before, or gone.

Every verb ends with these; the agents that have one of the scopes are told (see `view/types.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

from heddle.control.port_scopes import hosts_of
from heddle.model.floating_ip import FloatingIp
from heddle.model.local_ip import LocalIpAssociation
from heddle.model.metering import MeteringLabel
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.resource import fields_of
from heddle.model.router import Router
from heddle.model.subnet import Subnet
from heddle.store.engine import Tx
from heddle.store.query import local_ips
from heddle.view.types import (
    CLOUD,
    group_scope,
    host_scope,
    metering_scope,
    network_scope,
    qos_scope,
    router_scope,
)

# What of a port travels to hosts; a change of anything else is no news.
_TRAVELS = (
    "admin_state_up",
    "mac_address",
    "fixed_ips",
    "allowed_address_pairs",
    "extra_dhcp_opts",
    "security_groups",
    "port_security_enabled",
    "pvlan_type",
    "pvlan_community",
    "name",
    "dns_name",
    "dns_zone",
    "device_id", "device_owner",
    "binding_host_id", "binding_refusal",
)
# What of a port only the host that carries it needs to know.
_TO_ITS_HOST = ("qos_policy_id",)
assert {*_TRAVELS, *_TO_ITS_HOST} <= set(fields_of(Port))


def port_news(tx: Tx, port: Port, old: Port | None = None) -> None:
    """A port is new, or other than `old`."""
    if old is None or any(getattr(port, name) != getattr(old, name) for name in _TRAVELS):
        _port(tx, port, old, gone=False)
        if port.dns_name or (old is not None and old.dns_name):
            tx.publish("port", port.id)
        if old is not None and old.binding_host_id != port.binding_host_id:
            for association in local_ips.to_port(tx, port.id):
                local_ip_news(tx, association, port.binding_host_id, old.binding_host_id)
    elif any(getattr(port, name) != getattr(old, name) for name in _TO_ITS_HOST):
        tx.change("port", port.id, hosts_of(port))


def port_gone(tx: Tx, port: Port) -> None:
    _port(tx, port, port, gone=True)
    if port.dns_name:
        tx.publish("port", port.id)


def _port(tx: Tx, port: Port, old: Port | None, *, gone: bool) -> None:
    now_host = set() if gone else hosts_of(port)
    tx.change("port", port.id, now_host, (hosts_of(old) if old else set()) - now_host)
    network = {network_scope(port.network_id)}
    tx.change("neighbour", port.id, set() if gone else network, network if gone else ())
    groups = set() if gone else _groups(port)
    for group in groups:
        tx.change("member", f"{group}/{port.id}", (group_scope(group),))
    for group in (_groups(old) if old else set()) - groups:
        tx.change("member", f"{group}/{port.id}", (), (group_scope(group),))


def _groups(port: Port) -> set[str]:
    return set(port.security_groups) if port.port_security_enabled else set()


def network_news(tx: Tx, network: Network, *, gone: bool = False) -> None:
    _note(tx, "network", network.id, network_scope(network.id), gone)


def subnet_news(tx: Tx, subnet: Subnet, *, gone: bool = False) -> None:
    _note(tx, "subnet", subnet.id, network_scope(subnet.network_id), gone)


def group_news(tx: Tx, group_id: str, *, gone: bool = False) -> None:
    """A security group or one of its rules changed."""
    _note(tx, "group", group_id, group_scope(group_id), gone)


def address_news(tx: Tx, group_id: str, new: Iterable[str], gone: Iterable[str] = ()) -> None:
    """Addresses (as CIDRs) came into an address group, or left it: each is a member of its own."""
    for address in new:
        _note(tx, "member", f"{group_id}/{address}", group_scope(group_id), False)
    for address in gone:
        _note(tx, "member", f"{group_id}/{address}", group_scope(group_id), True)


def router_news(tx: Tx, router: Router, *, gone: bool = False) -> None:
    _note(tx, "router", router.id, router_scope(router.id), gone)


def floating_ip_news(tx: Tx, new: FloatingIp | None, old: FloatingIp | None = None) -> None:
    """A floating IP reaches a port behind a router, another than before, or none any more."""
    now = {router_scope(new.router_id)} if new and new.router_id else set()
    before = {router_scope(old.router_id)} if old and old.router_id else set()
    floating_ip = new or old
    if floating_ip is not None:
        if floating_ip.dns_name or (new and new.port_id) != (old and old.port_id):
            tx.publish("floating_ip", floating_ip.id)
        tx.change("floating_ip", floating_ip.id, now, before - now)


def local_ip_news(tx: Tx, association: LocalIpAssociation, host: str, before: str = "") -> None:
    """A local IP leads to a port on a host, "" for none, and no longer on another."""
    now, then = ({host_scope(name)} if name else set() for name in (host, before))
    tx.change("local_ip", association.id, now, then - now)


def metering_news(tx: Tx, label: MeteringLabel, *, gone: bool = False) -> None:
    """A metering label or one of its rules changed."""
    _note(tx, "metering_label", label.id, metering_scope("" if label.shared else label.project_id), gone)


def policy_news(tx: Tx, policy_id: str, *, gone: bool = False) -> None:
    """A QoS policy or one of its rules changed."""
    _note(tx, "qos_policy", policy_id, qos_scope(policy_id), gone)


def assignment_news(tx: Tx, role: str, object_id: str, hosts: Iterable[str], gone: Iterable[str] = ()) -> None:
    """Hosts serve a router or the DHCP of a network, or no longer."""
    tx.change("assignment", f"{role}/{object_id}", map(host_scope, hosts), map(host_scope, gone))


def host_news(tx: Tx, host: str, *, gone: bool = False) -> None:
    _note(tx, "host", host, CLOUD, gone)


def _note(tx: Tx, kind: str, id: str, scope: str, gone: bool) -> None:
    tx.change(kind, id, () if gone else (scope,), (scope,) if gone else ())
