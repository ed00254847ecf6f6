"""The switch on Linux bridges: a bridge for each network that has ports here, the way out, and security groups.

`reconcile` plans everything from the mirror and the devices that are there (`agent/bridge/`), which is cheap, and
applies what differs.  The order is that of safety: bridges, then the filters in one transaction, and only then are
devices plugged; what is no longer wanted is unplugged before its filters' next change, and a device that the
filters do not know passes nothing.  A bridge without filtered ports is spared the filters of IP, last of all.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from heddle.agent.bridge.filter import filter_table
from heddle.agent.bridge.led import handed_back
from heddle.agent.bridge.logged import LIMIT
from heddle.agent.bridge.look import deviations
from heddle.agent.bridge.plan import Desired, Place, Planner, released
from heddle.agent.bridge.ports import BRIDGE, PREFIXES, TUNNEL, bridge_name
from heddle.agent.bridge.rules import rules_table
from heddle.agent.mirror import Mirror
from heddle.agent.policing import NONE, AtDevice, limits_table
from heddle.agent.roles.base import Drift, Host
from heddle.agent.roles.bridge_logs import packet_writer
from heddle.agent.roles.bridge_trunks import BridgeTrunks
from heddle.agent.roles.mended import limit_drifts
from heddle.agent.roles.switch_bridges import parse_tunnel_ip
from heddle.agent.tunnel import Underlay
from heddle.errors import HeddleError
from heddle.host.announce import Announcer
from heddle.host.bridge import Bridges
from heddle.host.bridge_links import Entry, is_answered
from heddle.host.bridge_rules import BridgeRules
from heddle.host.device_limits import DeviceLimits
from heddle.host.netns import MARK
from heddle.host.nft import Limit
from heddle.host.run import CommandError
from heddle.host.underlay import link_of
from heddle.view.types import Ref, RoleState, Status

log = logging.getLogger(__name__)

KINDS = frozenset({
    "port", "network", "neighbour", "host", "group", "member", "interface", "qos_policy", "local_ip", "log",
})  # fmt: skip


class BridgeRole:
    """`cards`: the network card by physical network."""

    name = "switch"

    def __init__(self, cards: dict[str, str]) -> None:
        self._cards = cards

    def prepare(self, host: Host) -> None:
        """Raises `HeddleError` when the kernel cannot filter what crosses bridges, or nft is not there."""
        self._host = host
        self._bridges = Bridges()
        self._bridges.check()
        self._rules = BridgeRules()
        self._limits = DeviceLimits()
        self._trunks = BridgeTrunks(self._bridges)
        self._packets = packet_writer(host.settings)
        self._tunnel_ip = parse_tunnel_ip(host.settings.agent.tunnel_ip)
        self._planner = Planner(self._place())
        self._bridges.look()
        self._planner.adopt(self._bridges.ours().values())
        self._desired = Desired()
        self._entries: set[Entry] = set()
        self._whole = True
        self._erring: set[Ref] = set()
        self._settled: dict[str, int] = {}
        self._undone: list[Drift] = []
        self._led: dict[str, str] = {}
        self._announcer = Announcer()

    def close(self) -> None:
        self._rules.close()
        self._limits.close()
        self._announcer.close()
        self._trunks.close()
        self._packets.close()
        self._bridges.close()

    def reconcile(self, mirror: Mirror, changed: frozenset[Ref] | None) -> list[Status]:
        self._planner.note(changed)
        if changed is None:
            self._planner.place = self._place()
        elif not any(ref.kind in KINDS for ref in changed):
            return []
        ours = (BRIDGE, TUNNEL)
        if changed is None or any(ref.kind == "interface" and ref.id.startswith(ours) for ref in changed):
            self._whole = True
        self._bridges.look()
        self._trunks.make(mirror)
        before, self._desired = self._desired, self._plan(mirror)
        self._packets.follow(mirror, changed, self._desired.logged)
        if self._packets.problem:
            self._desired.not_logged(self._packets.problem)
        done = self._apply(self._desired)
        self._undone += [each for each in done if self._was_settled(each, before)]
        self._settle()
        self._announcer.start("", handed_back(before.led, self._desired.led, mirror))
        self._rules.forget(released(before, self._desired))
        return self._statuses(mirror, self._desired)

    def _plan(self, mirror: Mirror) -> Desired:
        desired = self._planner.plan(mirror, self._bridges.links.keys() - self._trunks.foreign)
        desired.problems |= self._trunks.problems
        return desired

    def _settle(self) -> None:
        """Remember which devices are plugged: what is done to the same one again, somebody had undone."""
        ports = self._desired.ports.items()
        links = self._bridges.links
        self._settled = {each: links[port.device].index for each, port in ports if port.device in links}

    def _was_settled(self, done: Drift, before: Desired) -> bool:
        if done.kind == "port":
            port = self._desired.ports.get(done.id)
            link = self._bridges.links.get(port.device) if port else None
            return link is not None and self._settled.get(done.id) == link.index
        return done.kind == "entry" or before.specs.get(done.id) == self._desired.specs.get(done.id)

    def _place(self) -> Place:
        link = link_of(self._tunnel_ip) if self._tunnel_ip else None
        underlay = Underlay(self._tunnel_ip, link.name, link.mtu) if link else Underlay(self._tunnel_ip)
        return Place(self._host.name, underlay, self._cards, self._host.settings.network.mac_beginning)

    # Applying

    def _apply(self, desired: Desired) -> list[Drift]:
        """Make it so; returns what had to be done, as if it were drift.  Raises `CommandError` and `OSError`."""
        answered = {link.name for link in self._bridges.links.values() if is_answered(link)}
        done = self._make(desired)
        networks = [desired.networks[each] for each in sorted(desired.networks)]
        wanted = self._host.settings.network_log
        limit = Limit(LIMIT.name, wanted.rate_limit, wanted.burst_limit)
        compiled = rules_table(list(desired.profiles.values()), desired.members, networks, desired.led, limit)
        for item, reason in compiled.problems.items():
            group = desired.label_of.get(item) or item.partition("/")[0]
            desired.problems[Ref("group", group)] = f"{item}: {reason}"
        ports = [desired.ports[each] for each in sorted(desired.ports)]
        self._unplug(desired)
        self._rules.ensure((filter_table(ports, networks, self._strangers(desired), desired.led), compiled.table))
        self._limit(desired)
        done += self._plug(desired)
        done += self._answer(desired)
        self._trunks.steer(_cards(desired))
        desired.problems |= self._trunks.problems
        for spec in desired.specs.values():
            self._bridges.spare(spec)
        self._remove(desired)
        return done + self._forward(desired, bool(done), answered)

    def _limit(self, desired: Desired) -> None:
        """A host that cannot limit carries the traffic nevertheless, and says so on the port."""
        devices = [AtDevice(port.device, port.policing) for port in desired.ports.values()]
        try:
            self._limits.ensure(limits_table(devices, devices))
        except CommandError as error:
            for port_id, port in desired.ports.items():
                if port.policing != NONE:
                    desired.problems[Ref("port", port_id)] = f"the port is not limited: {error}"

    def _make(self, desired: Desired) -> list[Drift]:
        done: list[Drift] = []
        for network_id, spec in desired.specs.items():
            try:
                if self._bridges.make(spec):
                    done.append(Drift("network", network_id, f"the bridge {spec.name}", "missing or changed"))
            except (HeddleError, OSError) as error:
                self._refuse(desired, network_id, str(error))
                continue
            try:
                if self._bridges.make_uplink(spec) and spec.uplink:
                    done.append(Drift("network", network_id, f"the device {spec.uplink.device}", "missing or changed"))
            except (HeddleError, OSError) as error:
                desired.problems[Ref("network", network_id)] = str(error)
                desired.networks[network_id] = replace(desired.networks[network_id], uplink="")
                continue
            if problem := self._bridges.too_small(spec):
                desired.problems.setdefault(Ref("network", network_id), problem)
        return done

    def _refuse(self, desired: Desired, network_id: str, problem: str) -> None:
        """The network has no bridge: none of its ports can be wired."""
        desired.problems[Ref("network", network_id)] = problem
        desired.networks.pop(network_id)
        for port_id in [each for each, network in desired.network_of.items() if network == network_id]:
            desired.problems[Ref("port", port_id)] = problem
            desired.ports.pop(port_id)

    def _wanted(self, desired: Desired) -> dict[str, str]:
        """The bridge of each device."""
        found = {each.uplink: each.bridge for each in desired.networks.values() if each.uplink}
        found |= {port.device: bridge_name(desired.network_of[each]) for each, port in desired.ports.items()}
        return found

    def _plug(self, desired: Desired) -> list[Drift]:
        done: list[Drift] = []
        for network_id, network in desired.networks.items():
            try:
                if network.uplink and self._plug_one(network.uplink, network_id, desired):
                    done.append(Drift("network", network_id, f"{network.uplink} on {network.bridge}", "elsewhere"))
            except OSError as error:
                desired.problems[Ref("network", network_id)] = str(error)
        for port_id, port in desired.ports.items():
            try:
                if self._plug_one(port.device, desired.network_of[port_id], desired):
                    done.append(Drift("port", port_id, f"{port.device} on its bridge, up", "not so"))
            except OSError as error:
                desired.problems[Ref("port", port_id)] = str(error)
        if done:
            self._bridges.look()
        return done

    def _answer(self, desired: Desired) -> list[Drift]:
        """Have the bridges answer for local IPs; returns what was so before and no longer was."""
        told = self._bridges.answer({each.port.device for each in desired.led})
        before, self._led = self._led, {each.port.device: each.port.id for each in desired.led}
        lost = [name for name in told if name in before and name in self._led]
        return [Drift("port", self._led[name], f"the bridge answers for {name}", "it does not") for name in lost]

    def _plug_one(self, device: str, network_id: str, desired: Desired) -> int:
        """Returns how much had to be done; none for a device that went meanwhile, which will be noticed."""
        spec = desired.specs[network_id]
        if device not in self._bridges.links:
            return 0
        kind = spec.uplink.kind if spec.uplink and spec.uplink.device == device else ""
        return self._bridges.plug(device, spec.name, 0 if kind == "flat" else spec.mtu, tunnel=kind == "vxlan")

    def _strangers(self, desired: Desired) -> list[str]:
        """What is on bridges of ours and not of our plugging."""
        wanted = self._wanted(desired)
        on = {link.name for bridge in self._bridges.ours() for link in self._bridges.ports_of(bridge)}
        return sorted(on - wanted.keys())

    def _unplug(self, desired: Desired) -> None:
        """Take devices of ours out of bridges where they shall not be."""
        wanted = self._wanted(desired)
        cards = set(self._cards.values())
        for bridge in self._bridges.ours():
            for link in self._bridges.ports_of(bridge):
                mine = link.name.startswith(PREFIXES) or link.name in cards or link.alias.startswith(MARK)
                if mine and wanted.get(link.name) != bridge:
                    self._bridges.unplug(link.name)

    def _remove(self, desired: Desired) -> None:
        """Remove the bridges of networks that have no port here, and tunnel and VLAN devices that no network uses."""
        kept = {spec.name for spec in desired.specs.values()}
        kept |= {spec.uplink.device for spec in desired.specs.values() if spec.uplink}
        gone = [name for name in self._bridges.ours() if name not in kept]
        gone += [
            link.name for link in self._bridges.links.values()
            if link.kind in ("vxlan", "vlan") and link.alias == f"{MARK} uplink" and link.name not in kept
        ]
        if gone:
            log.info("devices removed names=%s", ",".join(gone))
            self._bridges.remove(gone)
            self._bridges.look()

    def _forward(self, desired: Desired, whole: bool, answered: set[str]) -> list[Drift]:
        """Bring the forwarding entries to what they should be; returns what was found otherwise than it was left.

        `answered`: devices that had entries of local IPs.
        """
        drifts: list[Drift] = []
        if whole or self._whole:
            devices = {each.bridge for each in desired.networks.values()}
            devices |= {each.uplink for each in desired.networks.values() if each.uplink.startswith(TUNNEL)}
            devices |= (answered & _cards(desired)) | {each.port.device for each in desired.led}
            found = self._bridges.entries(devices)
            lost = (self._entries & desired.entries) - found
            drifts = [Drift("entry", each.device, f"{each.kind} {each.mac}", "missing") for each in sorted(lost)]
            self._entries = found
        gone, new = self._entries - desired.entries, desired.entries - self._entries
        self._whole = False
        refused = self._bridges.change_entries(sorted(gone), sorted(new)) if gone or new else {}
        self._entries = desired.entries - refused.keys()
        for entry, problem in refused.items():
            for network in desired.networks.values():
                if entry.device in (network.bridge, network.uplink):
                    desired.problems.setdefault(Ref("network", network.id), problem)
        return drifts

    # Telling

    def _statuses(self, mirror: Mirror, desired: Desired) -> list[Status]:
        found = [self._port_status(mirror, port_id, desired) for port_id in sorted(mirror.ports)]
        problems = {ref: text for ref, text in desired.problems.items() if ref.kind != "port"}
        for ref in sorted(problems.keys() | self._erring, key=lambda each: (each.kind, each.id)):
            item = mirror.get(ref)
            if item is not None:
                text = problems.get(ref, "")
                state = "error" if text else "up"
                found.append(Status(kind=ref.kind, id=ref.id, revision=item.revision, state=state, message=text))
        self._erring = set(problems)
        return found

    def _port_status(self, mirror: Mirror, port_id: str, desired: Desired) -> Status:
        view = mirror.ports[port_id]
        state, message = "down", f"this host has no device tap{(view.parent_port_id or port_id)[:11]} yet"
        if Ref("port", port_id) in desired.problems:
            state, message = "error", desired.problems[Ref("port", port_id)]
        elif not view.admin_state_up:
            message = "the port is administratively down"
        elif port_id in desired.ports:
            bridge = bridge_name(view.network_id)
            if self._bridges.is_plugged(desired.ports[port_id].device, bridge):
                state, message = "up", ""
        return Status(kind="port", id=port_id, revision=view.revision, state=state, message=message)

    # Auditing

    def audit(self, mirror: Mirror, repair: bool = True) -> list[Drift]:
        """What the news of devices brought to light and `reconcile` put right is told by one that repairs, too."""
        if not repair:
            found = deviations(self._bridges, self._rules, self._desired) + limit_drifts(self._limits.disturbed())
            return found + self._trunks.deviations(_cards(self._desired))
        try:
            repaired = self._rules.repair()
        except CommandError as error:
            log.warning("the filters of the bridges could not be looked at: %s", error)
            repaired = False
        drifts, self._undone = self._undone, []
        drifts += [Drift("table", "heddle_ports", "as it was left", "rules changed by hand")] if repaired else []
        drifts += limit_drifts(self._limits.repair())
        self._bridges.look()
        drifts += self._trunks.repair(mirror, _cards(self._desired))
        self._whole = True
        drifts += self._apply(self._desired)
        self._settle()
        return drifts

    def state(self, mirror: Mirror) -> RoleState:
        underlay = self._planner.place.underlay
        warnings = [f"no device of this host has the address agent.tunnel_ip = {underlay.address}"]
        return RoleState(role="bridge", configuration={
            "interface_mappings": dict(self._cards),
            "bridge_mappings": {},
            "tunnel_types": ["vxlan"] if underlay.address else [],
            "tunneling_ip": underlay.address,
            "l2_population": True,
            "devices": len(self._desired.ports),
            "networks": len(self._desired.networks),
            "extensions": [],
            **self._packets.figures(),
            **({"warnings": warnings} if underlay.address and not underlay.device else {}),
        })


def _cards(desired: Desired) -> set[str]:
    """The devices of all ports here."""
    return {port.device for port in desired.ports.values()}
