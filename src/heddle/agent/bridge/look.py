"""What of a host with Linux bridges is not as it should be, without a change of it."""

from __future__ import annotations

from heddle.agent.bridge.plan import Desired
from heddle.agent.bridge.ports import bridge_name
from heddle.agent.roles.base import Drift
from heddle.host.bridge import Bridges
from heddle.host.bridge_rules import BridgeRules


def deviations(bridges: Bridges, rules: BridgeRules, desired: Desired) -> list[Drift]:
    """Bridges, uplinks, plugged devices, forwarding entries and filters.  Raises `CommandError` and `OSError`."""
    bridges.look()
    links, ours = bridges.links, bridges.ours()
    found: list[Drift] = []
    for network_id, spec in desired.specs.items():
        if spec.name not in ours or not links[spec.name].up or links[spec.name].mtu != spec.mtu:
            found.append(Drift("network", network_id, f"the bridge {spec.name}, up", _state(bridges, spec.name)))
        elif spec.filtered and not bridges.calls_filters(spec.name):
            found.append(Drift("network", network_id, f"the filters of IP see {spec.name}", "they do not"))
        uplink = spec.uplink.device if spec.uplink else ""
        if uplink and not bridges.is_plugged(uplink, spec.name):
            found.append(Drift("network", network_id, f"{uplink} on {spec.name}, up", _state(bridges, uplink)))
    for port_id, port in desired.ports.items():
        bridge = bridge_name(desired.network_of[port_id])
        if port.device in links and not bridges.is_plugged(port.device, bridge):
            found.append(Drift("port", port_id, f"{port.device} on {bridge}, up", _state(bridges, port.device)))
    devices = {each.device for each in desired.entries}
    lost = desired.entries - bridges.entries(devices)
    found += [Drift("entry", each.device, f"{each.kind} {each.mac}", "missing") for each in sorted(lost)]
    if rules.disturbed():
        found.append(Drift("table", "heddle_ports", "as it was left", "rules changed by hand"))
    return found


def _state(bridges: Bridges, name: str) -> str:
    link = bridges.links.get(name)
    if link is None:
        return "missing"
    master = next((each.name for each in bridges.links.values() if each.index == link.master), "no bridge")
    return f"on {master}, mtu {link.mtu}, {'up' if link.up else 'down'}"
