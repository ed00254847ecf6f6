"""A fake of the server, at the bus: a set of view objects that a test puts and removes.

It answers `fetch` as the server does: scopes as the host needs them, the news since a revision, and
tells a wake-up for each change.  The scopes follow from the objects, as `view/types.py` defines them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from heddle.agent.mirror import ref_of
from heddle.bus.base import BusError
from heddle.bus.local import LocalServerBus
from heddle.view.types import (
    CLOUD,
    AssignmentView,
    AuditView,
    FetchReply,
    FetchRequest,
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
    ReportReply,
    ReportRequest,
    RouterView,
    ScopeNews,
    Status,
    SubnetView,
    Wake,
    group_scope,
    host_scope,
    metering_scope,
    network_scope,
    qos_scope,
    router_scope,
)


class FakeCloud:
    """An `AgentBus` for the agent of `host`, with the cloud behind it.

    `port` makes a port with its neighbour and member entries; `put` and `remove` take any view object.
    `down` true makes every call fail with `BusError`.
    """

    def __init__(self, host: str = "host1") -> None:
        self.host = host
        self.down = False
        self.revision = 1
        self.reports: list[ReportRequest] = []
        self.statuses: dict[Ref, Status] = {}
        self.subscribed: set[str] = set()
        self.fetches: list[FetchRequest] = []
        self._objects: dict[tuple[str, Ref], tuple[int, msgspec.Raw]] = {}
        self._removed: dict[tuple[str, Ref], int] = {}
        self._views: dict[Ref, Object] = {}
        self._extra: set[str] = set()
        self._lock = threading.RLock()
        self._on_wake: Callable[[Wake], None] | None = None
        self._server: LocalServerBus | None = None

    # What a test does

    def put(self, *items: Object, request_id: str = "") -> None:
        """Add or replace objects, in one revision."""
        with self._lock:
            self.revision += 1
            for item in items:
                stamped = msgspec.structs.replace(item, revision=self.revision)
                self._views[ref_of(item)] = stamped
                raw = msgspec.Raw(msgspec.msgpack.encode(stamped))
                for scope in self._scopes_of(stamped):
                    self._objects[scope, ref_of(item)] = (self.revision, raw)
                    self._removed.pop((scope, ref_of(item)), None)
        self._wake({scope for item in items for scope in self._scopes_of(item)}, request_id)

    def put_raw(self, scope: str, ref: Ref, body: bytes) -> None:
        """Put anything, by force, into a scope."""
        with self._lock:
            self.revision += 1
            self._objects[scope, ref] = (self.revision, msgspec.Raw(body))
        self._wake({scope})

    def remove(self, *refs: Ref, request_id: str = "") -> None:
        scopes = set()
        with self._lock:
            self.revision += 1
            for scope, ref in [key for key in self._objects if key[1] in refs]:
                del self._objects[scope, ref]
                self._removed[scope, ref] = self.revision
                scopes.add(scope)
            for ref in refs:
                self._views.pop(ref, None)
        self._wake(scopes, request_id)

    def port(self, port: PortView, host: str = "") -> None:
        """A port of `host` (this one by default), with its neighbour entry and its group memberships."""
        left = [
            ref for ref in self._views
            if ref.kind == "member" and ref.id.endswith("/" + port.id)
            and ref.id.partition("/")[0] not in port.security_groups
        ]
        if left:
            self.remove(*left)
        self.put(*self.port_objects(port, host))

    def port_objects(self, port: PortView, host: str = "") -> list[Object]:
        here = (host or self.host) == self.host
        neighbour = NeighbourView(
            id=port.id, network_id=port.network_id, mac_address=port.mac_address, fixed_ips=port.fixed_ips,
            host=host or self.host, device_owner=port.device_owner,
            allowed_address_pairs=port.allowed_address_pairs, port_security=port.port_security,
            name=port.name, device_id=port.device_id, project_id=f"project-of-{port.network_id}",
            pvlan_type=port.pvlan_type, pvlan_community=port.pvlan_community,
        )
        addresses = [f"{ip.ip_address}/{128 if ':' in ip.ip_address else 32}" for ip in port.fixed_ips]
        addresses += [pair.ip_address for pair in port.allowed_address_pairs]
        members = [
            MemberView(id=f"{group}/{port.id}", group_id=group, addresses=addresses) for group in port.security_groups
        ]
        return [*([port] if here else []), neighbour, *members]

    def remove_port(self, port_id: str) -> None:
        refs = [ref for ref in self._views if ref.id == port_id or ref.id.endswith("/" + port_id)]
        self.remove(*refs)

    def view(self, ref: Ref) -> Any:
        """An object as it was put last."""
        return self._views[ref]

    def serve(self, socket: Path) -> None:
        """Answer agents of other processes, at a Unix socket."""
        self._server = LocalServerBus(socket)
        self._server.start(self)

    def stop_serving(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def state_of(self, kind: str, id: str) -> str:
        status = self.statuses.get(Ref(kind, id))
        return status.state if status else ""

    # The agent's side

    def start(self, host: str, on_wake: Callable[[Wake], None]) -> None:
        self._on_wake = on_wake

    def subscribe(self, scopes: Iterable[str]) -> None:
        self.subscribed = set(scopes)

    def stop(self) -> None:
        self._on_wake = None

    def fetch(self, request: FetchRequest) -> FetchReply:
        with self._lock:
            self._check()
            self.fetches.append(request)
            wanted = self._needed()
            known = set(request.scopes) if request.revision else set()
            news = [self._news(scope, request.revision if scope in known else 0) for scope in sorted(wanted)]
            dropped = sorted(set(request.scopes) - wanted)
            return FetchReply(revision=self.revision, scopes=[each for each in news if each], dropped=dropped)

    def report(self, request: ReportRequest) -> ReportReply:
        with self._lock:
            self._check()
            self.reports.append(request)
            for status in request.statuses:
                self.statuses[Ref(status.kind, status.id)] = status
        return ReportReply()

    # Within

    def _check(self) -> None:
        if self.down:
            raise BusError("the server is down")

    def _wake(self, scopes: set[str], request_id: str = "") -> None:
        if self._server is not None:
            self._server.wake(scopes, request_id)
        on_wake = self._on_wake
        if on_wake is not None and not self.down:
            on_wake(Wake(scopes=sorted(scopes), request_id=request_id))

    def _scopes_of(self, item: Object) -> list[str]:
        match item:
            case HostView() | AuditView():
                return [CLOUD]
            case AssignmentView() | PortView() | LocalIpView():
                return [host_scope(self.host)]
            case NetworkView():
                return [network_scope(item.id)]
            case SubnetView() | NeighbourView():
                return [network_scope(item.network_id)]
            case GroupView():
                return [group_scope(item.id)]
            case QosPolicyView():
                return [qos_scope(item.id)]
            case MemberView():
                return [group_scope(item.group_id)]
            case RouterView():
                return [router_scope(item.id)]
            case FloatingIpView():
                return [router_scope(item.router_id)]
            case LogView():
                return [self._scope_of_log(item)]
            case MeteringLabelView():
                return [metering_scope("" if item.shared else item.project_id)]
        raise TypeError(item)

    def _scope_of_log(self, item: LogView) -> str:
        if item.port_id:
            return network_scope(self._views[Ref("port", item.port_id)].network_id)  # type: ignore[attr-defined]
        return group_scope(item.group_id) if item.group_id else CLOUD

    def _needed(self) -> set[str]:
        """The scopes that the host needs now."""
        scopes = {CLOUD, host_scope(self.host)}
        for view in self._views.values():
            if isinstance(view, NetworkView | PortView | RouterView | FloatingIpView) and view.qos_policy:
                scopes.add(qos_scope(view.qos_policy))
            if isinstance(view, PortView):
                scopes.add(network_scope(view.network_id))
                scopes |= {group_scope(group) for group in view.security_groups}
            elif isinstance(view, AssignmentView):
                scopes.add(router_scope(view.object_id) if view.role == "router" else network_scope(view.object_id))
        interfaces = [each for each in self._views.values() if isinstance(each, NeighbourView) and each.distributed]
        guests = [each for each in self._views.values() if isinstance(each, PortView)]
        joined = {each.network_id for each in guests if not each.device_owner.startswith("network:")}
        routers = {each.device_id for each in interfaces if each.network_id in joined}
        scopes |= {router_scope(id) for id in routers}
        scopes |= {network_scope(each.network_id) for each in interfaces if each.device_id in routers}
        for view in self._views.values():
            if isinstance(view, RouterView) and router_scope(view.id) in scopes:
                scopes |= {metering_scope(view.project_id), metering_scope("")}
        for scope in list(scopes):
            group = self._views.get(Ref("group", scope.removeprefix("group:")))
            if isinstance(group, GroupView):
                scopes |= {group_scope(rule.remote_group) for rule in group.rules if rule.remote_group}
        return scopes

    def _news(self, scope: str, since: int) -> ScopeNews | None:
        objects = [raw for (name, _), (revision, raw) in self._objects.items() if name == scope and revision > since]
        gone = [ref for (name, ref), revision in self._removed.items() if name == scope and revision > since]
        if since and not objects and not gone:
            return None
        return ScopeNews(scope=scope, whole=not since, objects=objects, gone=gone if since else [])
