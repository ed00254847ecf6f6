"""Which settings of hosts, and of the server, must go together, and what comes of it where they do not.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from heddle.checks.base import Finding, Level, failure
from heddle.checks.pairs import several
from heddle.checks.told import SERVER
from heddle.view.facts import HostSettings

Told = Sequence[tuple[str, HostSettings]]


@dataclass(frozen=True, slots=True)
class Cloud:
    """What this server has been told."""

    dns_domain: str
    base_mac: str
    overlay_ip_version: int
    agent_down_seconds: int


@dataclass(frozen=True, slots=True)
class Same:
    """A setting that is to be the same on all hosts that use it; `otherwise`: what comes of it."""

    setting: str
    value: Callable[[HostSettings], object]
    used: Callable[[HostSettings], bool]
    level: Level
    otherwise: str


def _has_tunnels(host: HostSettings) -> bool:
    return bool(host.tunnel_ip) and "router" in host.roles


def _has_ports(host: HostSettings) -> bool:
    return "switch" in host.roles


def _names(host: HostSettings) -> bool:
    return "dhcp" in host.roles or "metadata" in host.roles


def _metadata(host: HostSettings) -> bool:
    return "metadata" in host.roles


SAME = (
    Same("agent.ha_port", lambda host: host.ha_port, _has_tunnels, Level.FAILURE,
         "hosts do not hear each other, and more than one carries the same highly available router"),
    Same("agent.ha_dead_seconds", lambda host: host.ha_dead_seconds, _has_tunnels, Level.WARNING,
         "hosts take over from each other at different times"),
    Same("agent.ha_preempt", lambda host: host.ha_preempt, _has_tunnels, Level.WARNING,
         "whether a router is given back depends on the host that carries it"),
    Same("network.dns_domain", lambda host: host.dns_domain, _names, Level.WARNING,
         "a guest's name depends on the host that serves it, and the API shows that of the server"),
    Same("network.base_mac", lambda host: host.base_mac, _has_ports, Level.WARNING,
         "hosts take a new port of a private VLAN on a physical network for a stranger, whom all there hear"),
    Same("metadata.isolated_networks", lambda host: host.isolated_networks, _metadata, Level.WARNING,
         "whether guests without a router get metadata depends on the host that serves DHCP"),
    Same("whether metadata.nova_host is set", lambda host: host.asks_nova, _metadata, Level.FAILURE,
         "whether guests get what Nova knows of them depends on the host"),
)  # fmt: skip


def judge(told: Told, cloud: Cloud) -> list[Finding]:
    return [*_different(told, cloud), *_shared_addresses(told), *_other_version(told, cloud), *_too_quiet(told, cloud)]


def _different(told: Told, cloud: Cloud) -> Iterable[Finding]:
    mine = {"network.dns_domain": cloud.dns_domain, "network.base_mac": cloud.base_mac}
    for same in SAME:
        values: dict[object, list[str]] = {}
        for name, host in told:
            if same.used(host) and same.value(host) is not None:
                values.setdefault(same.value(host), []).append(name)
        if values and same.setting in mine:
            values.setdefault(mine[same.setting], []).append(SERVER)
        if len(values) > 1:
            shown = "; ".join(f"{_shown(value)} on {', '.join(names)}" for value, names in values.items())
            yield Finding(same.level, f"{same.setting}: {shown}: {same.otherwise}", shown, _odd(values.values()))


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or "empty"


def _odd(groups: Iterable[list[str]]) -> str:
    """The host that stands alone against several, "" where none does."""
    alone = [names[0] for names in groups if len(names) == 1 and names[0] != SERVER]
    return alone[0] if len(alone) == 1 else ""


def _shared_addresses(told: Told) -> Iterable[Finding]:
    for address, names in several((name, host.tunnel_ip) for name, host in told if host.tunnel_ip).items():
        yield failure(f"agent.tunnel_ip is {address} on {', '.join(names)}: tunnels lead to one of them", address,
                      remedy=OWN)  # fmt: skip


def _other_version(told: Told, cloud: Cloud) -> Iterable[Finding]:
    version = cloud.overlay_ip_version
    for name, host in told:
        try:
            found = ip_address(host.tunnel_ip).version if host.tunnel_ip else version
        except ValueError:
            text = f"agent.tunnel_ip of {name} is {host.tunnel_ip!r}, which is no address"
            yield failure(text, host.tunnel_ip, node=name, remedy=OWN)
            continue
        if found != version:
            text = f"agent.tunnel_ip of {name} is of IPv{found}, and network.overlay_ip_version is {version}"
            yield failure(f"{text}: MTUs of networks are reckoned for the other", host.tunnel_ip, node=name)


def _too_quiet(told: Told, cloud: Cloud) -> Iterable[Finding]:
    patience = cloud.agent_down_seconds
    for name, host in told:
        if host.report_seconds is not None and 2 * host.report_seconds >= patience:
            seconds = f"{host.report_seconds:g}"
            text = f"agent.report_seconds of {name} is {seconds}, and server.agent_down_seconds {patience}"
            yield failure(f"{text}: one report that is late, and it counts as dead", seconds, node=name, remedy=QUIET)


OWN = "Give each host an address of its own as agent.tunnel_ip, and restart its agent."
QUIET = "Make agent.report_seconds less than half of server.agent_down_seconds, and restart that agent or the servers."
