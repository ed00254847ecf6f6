"""The limits of QoS policies on Open vSwitch: meters for what ports send, and a table at devices for what they receive;
and the meter of what is logged.

Meters are in before the flows that name them, and go after them.  What a port receives is limited at its device: a
meter on the way there would also take a flooded frame from the ports that come after it.

A host that cannot limit carries the traffic nevertheless, and says so on the port.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from heddle.agent.logged_flows import METER, flows_of
from heddle.agent.mirror import Mirror
from heddle.agent.owners import INT, Owner, Plan
from heddle.agent.pipeline import WiredPort
from heddle.agent.policed_flows import meters_of
from heddle.agent.policing import AtDevice, limits_table
from heddle.agent.refused import tell_on_switch
from heddle.agent.roles.base import Drift, Host
from heddle.agent.roles.mended import limit_drifts
from heddle.agent.roles.switch_bridges import folder_of
from heddle.agent.roles.switch_logs import SwitchLogs
from heddle.agent.wiring import Wiring
from heddle.errors import HeddleError
from heddle.host.device_limits import DeviceLimits
from heddle.host.flow_meters import Meter, MeterError, Meters
from heddle.view.types import Ref

log = logging.getLogger(__name__)


class PolicedPorts:
    """Remembers which meters are in, and whose they are."""

    def __init__(self, host: Host, wiring: Wiring, meters: Meters, devices: DeviceLimits) -> None:
        self._wiring, self._meters, self._devices = wiring, meters, devices
        self._logs = SwitchLogs(host.settings, wiring, folder_of(host.settings.agent.ovsdb))
        self._capacity = 0
        self._installed: dict[int, Meter] = {}
        self._numbers: dict[str, set[int]] = {}
        self._limited: set[str] = set()
        self._looked = False

    def close(self) -> None:
        self._devices.close()
        self._logs.writer.close()

    def figures(self) -> dict[str, int]:
        return self._logs.writer.figures()

    def look(self) -> None:
        """vswitchd may have forgotten them, and may be another.  Raises `MeterError`."""
        self._capacity = self._meters.capacity()
        self._installed = self._meters.read() if self._capacity else {}
        self._numbers.clear()
        self._looked = False

    def before(self, plan: Plan, mirror: Mirror, changed: Iterable[Ref] | None) -> None:
        """The flows of a plan are about to come: the meters that they name, at once; if refused, port by port."""
        ports = [self._wiring.ports[port_id] for port_id in sorted(plan.ports & self._wiring.ports.keys())]
        try:
            self._put(ports)
        except HeddleError:
            for wired in ports:
                self._put_or_tell(wired, plan)
        self._logs.follow(mirror, changed, self._meters)

    def _put_or_tell(self, wired: WiredPort, plan: Plan) -> None:
        try:
            self._put([wired])
        except HeddleError as error:
            lacking = ["what the port sends is not limited"] if wired.policing.sent else []
            lacking += ["its packets are not logged"] if wired.logged else []
            plan.problems[Ref("port", wired.id)] = f"{', and '.join(lacking)}: {error}"
            free = replace(wired, policing=replace(wired.policing, sent=()), logged=frozenset())
            self._wiring.ports[wired.id] = free
            plan.flows[Owner(INT, "port", wired.id)] = flows_of(free)

    def _meters_of(self, wired: WiredPort) -> dict[int, Meter]:
        return meters_of(wired.number, wired.policing) | ({METER: self._logs.meter} if wired.logged else {})

    def _put(self, ports: Iterable[WiredPort]) -> None:
        wanted = {number: meter for port in ports for number, meter in self._meters_of(port).items()}
        changed = {number: meter for number, meter in wanted.items() if self._installed.get(number) != meter}
        if changed and not self._capacity:
            raise MeterError("this host's Open vSwitch has no meters")
        if changed:
            self._meters.put(changed)
            self._installed |= changed

    def after(self, plan: Plan) -> None:
        """The flows of a plan are in: meters that no flow names any more go, and devices are limited."""
        refused = self._wiring.refused.ports()
        for port_id in plan.ports:
            wired = self._wiring.ports.get(port_id)
            before = self._numbers.pop(port_id, set())
            numbers = set(self._meters_of(wired)) if wired is not None else set()
            if Ref("port", port_id) in plan.problems or port_id in refused:  # its flows may be as they were
                numbers |= before
            if numbers:
                self._numbers[port_id] = numbers
        self._drop_unused(plan)
        self._limit_devices(plan)

    def _drop_unused(self, plan: Plan) -> None:
        gone = self._installed.keys() - {number for numbers in self._numbers.values() for number in numbers}
        try:
            self._meters.delete(gone)
        except HeddleError as error:
            tell_on_switch(plan, f"meters that are no longer used stay: {error}")
        else:
            self._installed = {number: meter for number, meter in self._installed.items() if number not in gone}

    def _limit_devices(self, plan: Plan) -> None:
        limited = {id: port for id, port in self._wiring.ports.items() if port.policing.received}
        if self._looked and not plan.ports & (limited.keys() | self._limited):
            return
        self._looked, self._limited = True, set(limited)
        trunks = {port.device for port in self._wiring.ports.values() if port.card}
        table = limits_table((), (AtDevice(each.device, each.policing, each.vlan) for each in limited.values()), trunks)
        absent, reason = set(), "the host has no device of its name"
        try:
            absent = self._devices.ensure(table)
        except HeddleError as error:
            absent, reason = {each.device for each in limited.values()}, str(error)
            self._looked = False
            if not plan.ports & limited.keys():
                tell_on_switch(plan, f"what devices receive is limited as before: {error}")
        for port_id in plan.ports & limited.keys():
            if limited[port_id].device in absent:
                plan.problems[Ref("port", port_id)] = f"what the port receives is not limited: {reason}"

    def audit(self, repair: bool) -> list[Drift]:
        """Compare with what is there; `repair`: and put right what differs.  Raises `HeddleError`."""
        disturbed = self._devices.repair() if repair else self._devices.disturbed()
        return self._audit_meters(repair) + limit_drifts(disturbed)

    def _audit_meters(self, repair: bool) -> list[Drift]:
        if not self._capacity:
            return []
        there = self._meters.read()
        wrong = {number: meter for number, meter in self._installed.items() if there.get(number) != meter}
        strange = there.keys() - self._installed.keys()
        if repair:
            self._meters.put(wrong)
            self._meters.delete(strange)
        names = {number: port_id for port_id, numbers in self._numbers.items() for number in numbers}
        found = [
            Drift("port", names.get(number, ""), f"meter {number}: {meter}", str(there.get(number, "missing")))
            for number, meter in sorted(wrong.items())
        ]
        return found + [Drift("meter", str(number), "no such meter", str(there[number])) for number in sorted(strange)]
