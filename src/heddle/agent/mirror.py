"""The agent's copy of its scopes.

`apply` takes the server's answer and tells which objects changed.  The same object may come in several
scopes (a port's neighbour entry, a group that many name); it is there as long as one scope has it.
An object that cannot be decoded is kept in `broken` with the reason, and hinders no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from heddle.view.types import (
    AnyObject,
    AssignmentView,
    AuditView,
    FetchReply,
    FloatingIpView,
    GroupView,
    HostView,
    LocalIpView,
    LogView,
    MemberView,
    MeteringLabelView,
    NeighbourView,
    NetworkView,
    Object,
    PortView,
    QosPolicyView,
    Ref,
    RouterView,
    ScopeNews,
    SubnetView,
    digest,
)

T = TypeVar("T", bound=Object)

_decoder = msgspec.msgpack.Decoder(AnyObject)
_KINDS: dict[type[Object], str] = {
    kind: str(kind.__struct_config__.tag) for kind in AnyObject.__args__
}


def ref_of(item: Object) -> Ref:
    return Ref(_KINDS[type(item)], item.id)


class Index(dict[str, dict[str, T]]):
    """Objects by the value of one attribute, then by id."""

    def __init__(self, attribute: str) -> None:
        super().__init__()
        self._attribute = attribute

    def of(self, value: str) -> Iterable[T]:
        return self.get(value, {}).values()

    def put(self, item: T) -> None:
        self.setdefault(getattr(item, self._attribute), {})[item.id] = item

    def drop(self, item: T) -> None:
        value = getattr(item, self._attribute)
        self[value].pop(item.id, None)
        if not self[value]:
            del self[value]


class Interfaces(Index[NeighbourView]):
    """Those of distributed routers, by the router's id."""

    def put(self, item: NeighbourView) -> None:
        if item.distributed:
            super().put(item)

    def drop(self, item: NeighbourView) -> None:
        if item.distributed:
            super().drop(item)


class Mirror:
    """Typed access by id, and indexes.  Only `apply` changes it."""

    def __init__(self) -> None:
        self.revision = 0
        self.scopes: dict[str, set[Ref]] = {}
        self.broken: dict[Ref, str] = {}
        self.hosts: dict[str, HostView] = {}
        self.assignments: dict[str, AssignmentView] = {}
        self.networks: dict[str, NetworkView] = {}
        self.subnets: dict[str, SubnetView] = {}
        self.ports: dict[str, PortView] = {}
        self.neighbours: dict[str, NeighbourView] = {}
        self.groups: dict[str, GroupView] = {}
        self.members: dict[str, MemberView] = {}
        self.routers: dict[str, RouterView] = {}
        self.floating_ips: dict[str, FloatingIpView] = {}
        self.local_ips: dict[str, LocalIpView] = {}
        self.metering_labels: dict[str, MeteringLabelView] = {}
        self.policies: dict[str, QosPolicyView] = {}
        self.logs: dict[str, LogView] = {}
        self.audits: dict[str, AuditView] = {}
        self.ports_by_network: Index[PortView] = Index("network_id")
        self.ports_by_device: Index[PortView] = Index("device_id")
        self.ports_by_parent: Index[PortView] = Index("parent_port_id")
        self.subnets_by_network: Index[SubnetView] = Index("network_id")
        self.neighbours_by_network: Index[NeighbourView] = Index("network_id")
        self.interfaces = Interfaces("device_id")
        self.members_by_group: Index[MemberView] = Index("group_id")
        self.local_ips_by_port: Index[LocalIpView] = Index("port_id")
        self.floating_ips_by_router: Index[FloatingIpView] = Index("router_id")
        self._holders: dict[Ref, int] = {}
        self._partial: set[str] = set()
        self._tables: dict[str, dict[str, Any]] = {
            "host": self.hosts, "assignment": self.assignments, "network": self.networks, "subnet": self.subnets,
            "port": self.ports, "neighbour": self.neighbours, "group": self.groups, "member": self.members,
            "router": self.routers, "floating_ip": self.floating_ips,
            "local_ip": self.local_ips, "metering_label": self.metering_labels, "qos_policy": self.policies,
            "log": self.logs, "audit": self.audits,
        }
        self._indexes: dict[str, tuple[Index[Any], ...]] = {
            "port": (self.ports_by_network, self.ports_by_device, self.ports_by_parent),
            "subnet": (self.subnets_by_network,), "neighbour": (self.neighbours_by_network, self.interfaces),
            "member": (self.members_by_group,), "floating_ip": (self.floating_ips_by_router,),
            "local_ip": (self.local_ips_by_port,),
        }

    @property
    def complete(self) -> bool:
        """Whether a whole view has come."""
        return self.revision > 0 or bool(self.scopes)

    def get(self, ref: Ref) -> Object | None:
        found = self._tables.get(ref.kind, {}).get(ref.id)
        return found if isinstance(found, Object) else None

    def assigned(self, role: str) -> set[str]:
        """The ids of the objects that this host serves in a role: "router" or "dhcp"."""
        return {each.object_id for each in self.assignments.values() if each.role == role}

    def digests(self) -> dict[str, str]:
        """A digest of the content of each scope, but for those with an object that cannot be read, or is skipped."""
        return {
            scope: digest(self._content(held))
            for scope, held in self.scopes.items()
            if not held & self.broken.keys() and scope not in self._partial
        }

    def _content(self, held: Iterable[Ref]) -> Iterable[tuple[str, str, int]]:
        for ref in held:
            item = self.get(ref)
            if item is not None:
                yield ref.kind, ref.id, item.revision

    def apply(self, reply: FetchReply) -> set[Ref]:
        """Take the server's answer; returns what is new, different or gone."""
        changed: set[Ref] = set()
        for name in reply.dropped:
            self._release(self.scopes.pop(name, set()), changed)
            self._partial.discard(name)
        for news in reply.scopes:
            self._take(news, changed)
        self.revision = reply.revision
        return changed

    def _take(self, news: ScopeNews, changed: set[Ref]) -> None:
        held = self.scopes.setdefault(news.scope, set())
        came: set[Ref] = set()
        for raw in news.objects:
            if not self._is_known(raw):
                self._partial.add(news.scope)
                continue
            item = self._decode(raw, changed)
            if item is not None:
                came.add(self._put(item, held, changed, news.whole))
        gone = held - came if news.whole else {ref for ref in news.gone if ref not in came}
        for ref in gone:
            if self.broken.pop(ref, None) is not None:
                changed.add(ref)
        self._release(gone & held, changed)
        held -= gone

    def _is_known(self, raw: msgspec.Raw) -> bool:
        """Whether it is of a kind that this agent knows; a newer server may have others, which are skipped."""
        ref = _identify(raw)
        return ref is None or ref.kind in self._tables

    def _decode(self, raw: msgspec.Raw, changed: set[Ref]) -> Object | None:
        try:
            item: Object = _decoder.decode(raw)
        except msgspec.MsgspecError as error:
            ref, reason = _identify(raw), str(error)
            if ref is not None and self.broken.get(ref) != reason:
                self.broken[ref] = reason
                changed.add(ref)
            return None
        self.broken.pop(ref_of(item), None)
        return item

    def _put(self, item: Object, held: set[Ref], changed: set[Ref], whole: bool) -> Ref:
        ref = ref_of(item)
        table = self._tables[ref.kind]
        old = table.get(item.id)
        if ref not in held:
            held.add(ref)
            self._holders[ref] = self._holders.get(ref, 0) + 1
        if old != item and (old is None or whole or item.revision >= old.revision):
            for index in self._indexes.get(ref.kind, ()):
                if old is not None:
                    index.drop(old)
                index.put(item)
            table[item.id] = item
            changed.add(ref)
        return ref

    def _release(self, refs: Iterable[Ref], changed: set[Ref]) -> None:
        """One scope fewer has these; an object that none has is gone."""
        for ref in list(refs):
            self._holders[ref] -= 1
            if self._holders[ref]:
                continue
            del self._holders[ref]
            old = self._tables[ref.kind].pop(ref.id)
            for index in self._indexes.get(ref.kind, ()):
                index.drop(old)
            changed.add(ref)


def _identify(raw: msgspec.Raw) -> Ref | None:
    """What an object that cannot be decoded says it is."""
    try:
        fields: Mapping[str, Any] = msgspec.msgpack.decode(raw)
        return Ref(str(fields["kind"]), str(fields["id"]))
    except (msgspec.MsgspecError, KeyError, TypeError):
        return None
