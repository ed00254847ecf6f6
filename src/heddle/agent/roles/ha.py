"""What every host does for highly available routers, beside the roles: a process of its own agrees with other hosts.

The agent tells it which routers are ready here, when the router role has made them, and hears from it what they are
(`host/ha_process.py`); on hosts without any it answers others, and so bears witness that they are heard.  It runs in
clouds with such routers, on hosts with an address for tunnels, and goes on without the agent.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from heddle.agent.mirror import Mirror
from heddle.agent.roles.base import Drift, Host
from heddle.agent.roles.router_plan import GATEWAY, interface_name
from heddle.agent.roles.switch_bridges import folder_of, parse_mappings
from heddle.host import netns
from heddle.host.ha_files import Config, Here, Recipe
from heddle.host.ha_process import HaProcess
from heddle.view.types import Ref, RoleState, RouterView, Status

log = logging.getLogger(__name__)

NAMESPACE = "qrouter-"
POLL = 0.2


class HaRole:
    name = "ha"

    def __init__(self, process: Callable[[Path], HaProcess] = HaProcess) -> None:
        self._make_process = process
        self._closed = threading.Event()
        self._watching: threading.Thread | None = None
        self._served: set[str] = set()
        self._alone: set[str] = set()
        self._mended: list[Drift] = []

    def prepare(self, host: Host) -> None:
        self._host = host
        self._process = self._make_process(Path(host.settings.paths.run))

    def reconcile(self, mirror: Mirror, changed: frozenset[Ref] | None) -> list[Status]:
        concerned = changed is None or any(self._concerns(mirror, ref) for ref in changed)
        if concerned:
            self._ensure(mirror)
            self._alone = self._carried_alone(mirror)
        return []

    def audit(self, mirror: Mirror, repair: bool = True) -> list[Drift]:
        found, self._mended = (self._mended, []) if repair else ([], self._mended)
        if self._config(mirror) is not None and (wrong := self._process.wrong()):
            found = [*found, self._drift(wrong)]
        if repair:
            self._ensure(mirror)
            self._mended.clear()
        return found

    def state(self, mirror: Mirror) -> RoleState:
        here = self._process.states()
        return RoleState(role=self.name, configuration={
            "routers": len(here), "active": sum(each.state == "active" for each in here.values()),
        })  # fmt: skip

    def close(self) -> None:
        """The process goes on."""
        self._closed.set()

    def _concerns(self, mirror: Mirror, ref: Ref) -> bool:
        if ref.kind in ("host", "router"):
            return True
        if ref.kind == "assignment":
            return ref.id.startswith("router/")
        item = mirror.ports.get(ref.id) if ref.kind == "port" else mirror.floating_ips.get(ref.id)
        return bool(self._served) and ref.kind in ("port", "floating_ip") and (
            item is None or getattr(item, "router_id", getattr(item, "device_id", "")) in mirror.routers
        )

    def _config(self, mirror: Mirror) -> Config | None:
        """None where there is nothing to agree on."""
        agent, me = self._host.settings.agent, mirror.hosts.get(self._host.name)
        if me is None or not me.ha_key or not agent.tunnel_ip:
            return None
        family = ":" in agent.tunnel_ip
        peers = {
            each.id: each.tunnel_ip
            for each in mirror.hosts.values()
            if each.id != me.id and each.tunnel_ip and (":" in each.tunnel_ip) == family
        }
        return Config(
            me=me.id, address=agent.tunnel_ip, port=agent.ha_port, key=me.ha_key, preempt=agent.ha_preempt,
            dead=agent.ha_dead_seconds, peers=peers, switch=str(folder_of(agent.ovsdb)), also=me.ha_also,
        )  # fmt: skip

    def _ensure(self, mirror: Mirror) -> None:
        config = self._config(mirror)
        if config is None:
            if self._process.is_there():
                self._process.stop()
            return
        why = self._process.ensure(config)
        if why:
            log.info("the process of highly available routers was started: %s", why)
            self._mended += [self._drift(why)] if self._watching else []
        routers = [router for router in mirror.routers.values() if self._is_ready(mirror, router)]
        cards = self._cards() if routers else {}
        ready = [self._recipe(mirror, router, cards) for router in routers]
        self._served = {each.id for each in ready}
        self._process.give({each.id: each for each in ready})
        if self._watching is None:
            self._watching = threading.Thread(target=self._watch, name="ha", daemon=True)
            self._watching.start()

    def _drift(self, found: str) -> Drift:
        return Drift("host", self._host.name, "the process of highly available routers", found)

    def _is_ready(self, mirror: Mirror, router: RouterView) -> bool:
        """Whether the router role has made all of it."""
        if router.ha is None or router.id not in mirror.assigned("router") or self._host.ovs is None:
            return False
        names = [interface_name(port) for port in mirror.ports_by_device.of(router.id)]
        there = all(os.path.exists(f"/sys/class/net/{name}") for name in names)
        return there and bool(netns.identity(NAMESPACE + router.id))

    def _recipe(self, mirror: Mirror, router: RouterView, cards: dict[str, list[str]]) -> Recipe:
        assert router.ha is not None
        floating = [item.floating_ip for item in mirror.floating_ips_by_router.of(router.id)]
        addresses = [
            (interface_name(port), port.mac_address, address)
            for port in sorted(mirror.ports_by_device.of(router.id), key=lambda port: port.id)
            for address in [*(item.ip_address for item in port.fixed_ips),
                            *(sorted(floating) if port.device_owner == GATEWAY else ())]
        ]  # fmt: skip
        hosts = list(router.ha.hosts)
        carried = router.id in self._alone and hosts[:1] == [self._host.name]
        reached = {port.network_id for port in mirror.ports_by_device.of(router.id)} & mirror.networks.keys()
        physical = {segment.physical_network for id in reached for segment in mirror.networks[id].segments}
        mine = {name: cards[name] for name in sorted(physical & cards.keys())}
        return Recipe(router.id, hosts, NAMESPACE + router.id, addresses, carried, mine)

    def _carried_alone(self, mirror: Mirror) -> set[str]:
        """The routers of this host that are not highly available, or have just become it and the process has not
        seen them yet: they are active here."""
        mine = mirror.assigned("router")
        plain = {each.id for each in mirror.routers.values() if each.ha is None} & mine
        return plain | (self._alone & mine - (self._served & self._process.states().keys()))

    def _cards(self) -> dict[str, list[str]]:
        """The cards of this host by physical network."""
        bridges, ovs = parse_mappings(self._host.settings.agent.bridge_mappings), self._host.vswitch
        return {
            name: sorted(each.name for each in ovs.interfaces(bridge) if each.is_device)
            for name, bridge in bridges.items()
        }

    def _watch(self) -> None:
        """Have what the process decided told to the server, and logged."""
        known: dict[str, Here] = {}
        stamp = -1
        while not self._closed.wait(POLL):
            if (now := self._process.state_stamp()) == stamp:
                continue
            stamp, found = now, self._process.states()
            news = {id: here for id, here in found.items() if known.get(id) != here}
            for id, here in news.items():
                words = "router=%s host=%s ha_state=%s term=%d why=%s"
                log.info(words, id, self._host.name, here.state, here.term, here.why)
            known = found
            if news:
                self._host.touch(Ref("router", id) for id in news)


def ha_states(run_folder: Path) -> Callable[[str], tuple[str, int]]:
    """What a router is on this host, and in which term; ("", 0) where nobody has said."""
    process = HaProcess(run_folder)

    def state_of(router_id: str) -> tuple[str, int]:
        here = process.states().get(router_id)
        return (here.state, here.term) if here is not None else ("", 0)

    return state_of

