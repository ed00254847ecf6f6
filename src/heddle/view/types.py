"""What travels between the server and the agents: the views of objects, and the sync protocol.

An agent imports nothing else of the server.  Every type here is a message: it is encoded as
MessagePack, carries no behaviour, and may only grow by fields that have a default, so that an
older reader skips what it does not know, objects of other kinds too, and a newer one fills in what is missing.

**Scopes.**  A scope says who is concerned by an object.  It is a string:

    cloud               every host: `HostView`, `AuditView`, `LogView` of what concerns all ports of a project
    host:<host>         one host: `PortView` of the ports bound to it, `LocalIpView` of those that local IPs lead to,
                        `AssignmentView` of the routers and DHCP networks it serves, `AuditView`
    network:<id>        hosts that have a port of the network, and those that have a guest on another that a
                        distributed router joins to it: `NetworkView`, `SubnetView`, and a
                        `NeighbourView` for each port (for DHCP and forwarding entries), a `LogView` for each log of
                        one of its ports
    group:<id>          hosts that have a port in the security group, or in one that names it as
                        its remote group: `GroupView` with the rules, a `MemberView` for each port;
                        and those that have a port in one that names the address group: a
                        `MemberView` for each of its addresses; and a `LogView` for each log of the group
    router:<id>         the hosts of the router, and of a distributed one those that have a guest on one of its
                        networks: `RouterView`, `FloatingIpView`
    ready:<id>          the hosts that are ready to carry a highly available router: `PortView` of its ports, wherever
                        these are bound
    metering:<project>  hosts that serve a router of the project: `MeteringLabelView`; `metering:` without a project
                        for those that serve any: the shared ones
    qos:<id>            hosts that have a port, or a network, router or floating IP with the QoS policy: `QosPolicyView`

**Sync.**  The agent keeps a copy of its scopes and asks `fetch` with the scopes it has and the
revision up to which it has them.  The answer names a revision and, by scope, the news: a scope
that is new to the host comes whole; a kept one as changed objects and the references that left
it; a scope the host no longer needs is dropped by name.  A revision older than what the server
still remembers, or zero, brings everything whole.  Wake-ups are hints: they carry scopes and the
id of the request that caused them, never data, and a lost, doubled or late one changes nothing.

**Report.**  The agent tells what it observed: `report` with the state of its roles (also the
heartbeat) and a status per object at the revision that it has realised.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

PROTOCOL = 1

CLOUD = "cloud"


def host_scope(host: str) -> str:
    return f"host:{host}"


def network_scope(network_id: str) -> str:
    return f"network:{network_id}"


def group_scope(group_id: str) -> str:
    return f"group:{group_id}"


def router_scope(router_id: str) -> str:
    return f"router:{router_id}"


def ready_scope(router_id: str) -> str:
    return f"ready:{router_id}"


def metering_scope(project_id: str) -> str:
    """The labels of a project's routers; "" for those that count the traffic of every router."""
    return f"metering:{project_id}"


def qos_scope(policy_id: str) -> str:
    return f"qos:{policy_id}"


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """The base of everything that travels."""


class Object(Message, frozen=True, tag_field="kind", kw_only=True):
    """An object in a scope.  `id` is unique in its kind; `revision` is the change that made it so."""

    id: str
    revision: int = 0


class HostView(Object, frozen=True, tag="host"):
    """A host of the cloud; `id` is its name.  `tunnel_ip` is empty where it has no tunnels.

    `availability_zone` is for the metadata of guests, "" where nobody says.  `ha_key`: with what the hosts of highly
    available routers tell each other who carries them, "" while the cloud has none; `ha_also`: another that counts as
    well, while the key becomes another one; they are in no log.
    """

    tunnel_ip: str = ""
    availability_zone: str = ""
    ha_key: str = ""
    ha_also: str = ""


class AssignmentView(Object, frozen=True, tag="assignment"):
    """The host serves an object: `role` is "router" or "dhcp"; `id` is "<role>/<object id>"."""

    role: str
    object_id: str


class Segment(Message, frozen=True):
    """Where a network lives: a network type, its physical network (or "") and its segmentation ID (or 0).

    A segment with an ID and no physical network is in tunnels of the kind `encapsulation` ("": as the type is named),
    which take `overhead` bytes of the MTU between hosts over IPv4, and over IPv6 20 more; 0 where nobody says.
    """

    network_type: str
    physical_network: str = ""
    segmentation_id: int = 0
    encapsulation: str = ""
    overhead: int = 0


class NetworkView(Object, frozen=True, tag="network"):
    """`qos_policy` is that of its ports without one of their own, "" for none.

    `subnets_apart`: guests of different subnets do not meet on layer 2.
    """

    mtu: int
    segments: list[Segment]
    admin_state_up: bool = True
    external: bool = False
    dns_domain: str = ""
    qos_policy: str = ""
    subnets_apart: bool = False


class HostRoute(Message, frozen=True):
    destination: str
    nexthop: str


class SubnetView(Object, frozen=True, tag="subnet"):
    """`gateway_ip` is "" without a gateway, `address_scope` the id of one or ""; IPv6 modes are "" where not set."""

    network_id: str
    cidr: str
    ip_version: int
    gateway_ip: str = ""
    enable_dhcp: bool = True
    dns_nameservers: list[str] = []
    host_routes: list[HostRoute] = []
    ipv6_address_mode: str = ""
    ipv6_ra_mode: str = ""
    address_scope: str = ""


class FixedIp(Message, frozen=True):
    subnet_id: str
    ip_address: str


class AddressPair(Message, frozen=True):
    """An address or CIDR that a port may use besides its own; `mac_address` is never empty."""

    ip_address: str
    mac_address: str


class DhcpOption(Message, frozen=True):
    """An extra DHCP option of a port: `name` as dnsmasq knows it, or a number; `ip_version` 4 or 6."""

    name: str
    value: str
    ip_version: int = 4


class PortView(Object, frozen=True, tag="port"):
    """A port bound to this host.

    `device_owner` starts with "network:" for the cloud's own ports (router interfaces and gateways,
    DHCP), which are trusted.  With `port_security` off nothing is filtered and `security_groups` is empty.
    `qos_policy` is its own QoS policy, "" without one.
    `pvlan_type` is its kind on a private VLAN, "" elsewhere; `pvlan_community` where it is "community".
    A subport of a trunk has no card of its own: its frames bear `vlan` on the card of `parent_port_id`.
    """

    network_id: str
    mac_address: str
    fixed_ips: list[FixedIp] = []
    allowed_address_pairs: list[AddressPair] = []
    security_groups: list[str] = []
    port_security: bool = True
    admin_state_up: bool = True
    device_owner: str = ""
    device_id: str = ""
    name: str = ""
    qos_policy: str = ""
    parent_port_id: str = ""
    vlan: int = 0
    pvlan_type: str = ""
    pvlan_community: str = ""


class LocalIpView(Object, frozen=True, tag="local_ip"):
    """An address that leads, for the ports of this host on its network, to a port of this host.

    `id` is that of the association, `network_id` the network of the local IP.  With `translate` it leads to `fixed_ip`
    of the port; without, the port knows it.
    """

    network_id: str
    port_id: str
    local_ip: str
    fixed_ip: str
    translate: bool = True


class NeighbourView(Object, frozen=True, tag="neighbour"):
    """A port of a network as the others on it need to know it; `id` is the port's.

    `hostname` may be of several labels, and ends with a dot when it is a full name; `domain` is "" where the names are
    in the network's.  With `port_security` off the port may use any address; else its own and the allowed pairs.
    `name`, `device_id` and `project_id` are for the metadata of guests.  `distributed`: an interface of a router that
    every host with a guest on one of its networks forwards for.
    `ha_hosts` are those that are ready to carry a highly available router, of its ports; `host` is the active one.
    """

    network_id: str
    mac_address: str
    fixed_ips: list[FixedIp] = []
    host: str = ""
    device_owner: str = ""
    hostname: str = ""
    dhcp_options: list[DhcpOption] = []
    domain: str = ""
    allowed_address_pairs: list[AddressPair] = []
    port_security: bool = True
    name: str = ""
    device_id: str = ""
    project_id: str = ""
    pvlan_type: str = ""
    pvlan_community: str = ""
    distributed: bool = False
    ha_hosts: list[str] = []


class RuleView(Message, frozen=True):
    """A security-group rule.

    `direction` "ingress" or "egress"; `ethertype` 4 or 6; `protocol` an IP protocol number or -1 for any;
    `port_min`/`port_max` are ports (TCP, UDP, SCTP…) or ICMP type/code, -1 for any; the peer is
    `remote_cidr`, or the members of `remote_group` (a security group or an address group), or anybody when both are "".
    """

    id: str
    direction: str
    ethertype: int
    protocol: int = -1
    port_min: int = -1
    port_max: int = -1
    remote_cidr: str = ""
    remote_group: str = ""


class GroupView(Object, frozen=True, tag="group"):
    rules: list[RuleView] = []
    stateful: bool = True


class MemberView(Object, frozen=True, tag="member"):
    """The addresses (and allowed address pairs, as CIDRs) of a port in a security group, or one of an address group.

    `id` is "<group id>/<port id>", or "<address group id>/<CIDR>".
    """

    group_id: str
    addresses: list[str] = []


class Route(Message, frozen=True):
    destination: str
    nexthop: str


class ConntrackHelper(Message, frozen=True):
    """Connections of a protocol (by name) to a port, which the helper reads to know the connections agreed on there."""

    helper: str
    protocol: str
    port: int


class Ha(Message, frozen=True):
    """A highly available router: `hosts` are ready to carry it, in the order in which they take it over."""

    hosts: list[str] = []


class RouterView(Object, frozen=True, tag="router"):
    """A router. Its interfaces and its gateway are ports of this host whose `device_id` is the router's id.

    `gateway_port_id` is "" without a gateway.  With `enable_ndp_proxy` it answers neighbour solicitations of the
    external network for `ndp_proxies`, IPv6 addresses of guests, and lets in only what is for them (RFC 4389).
    `qos_policy` is the gateway's, "" for none.  With `ha` the hosts agree among themselves which of them carries it.
    """

    admin_state_up: bool = True
    gateway_port_id: str = ""
    enable_snat: bool = True
    routes: list[Route] = []
    project_id: str = ""
    enable_ndp_proxy: bool = False
    ndp_proxies: list[str] = []
    qos_policy: str = ""
    conntrack_helpers: list[ConntrackHelper] = []
    ha: Ha | None = None


class Forwarding(Message, frozen=True):
    """Ports of a floating IP that lead to ports of `internal_ip`: one to one, or all to one.  `protocol` by name."""

    id: str
    protocol: str
    external_first: int
    external_last: int
    internal_ip: str
    internal_first: int
    internal_last: int


class FloatingIpView(Object, frozen=True, tag="floating_ip"):
    """A floating IP associated with `fixed_ip` of a port behind the router, or that forwards ports.

    `fixed_ip` and `port_id` are "" where it forwards ports.  `host` is that of the port where it translates the
    address, by a port of its own on the external network; "" where the router's does.
    """

    router_id: str
    floating_ip: str
    fixed_ip: str
    port_id: str
    floating_network_id: str
    forwardings: list[Forwarding] = []
    qos_policy: str = ""
    host: str = ""


class QosLimit(Message, frozen=True):
    """How much is let through in a direction, as the guest sees it: "ingress" or "egress".

    `rate` a second and `burst` at once, in kilobits (`unit` "kbps") or thousands of packets ("kpps"); a burst of 0 lets
    the host choose.
    """

    direction: str
    unit: str
    rate: int
    burst: int = 0


class QosPolicyView(Object, frozen=True, tag="qos_policy"):
    """`dscp`: the code point that what guests send is marked with, -1 for none (RFC 2474).

    `guaranteed`: the kilobits a second that a guest can always send, 0 for none.
    """

    limits: list[QosLimit] = []
    dscp: int = -1
    guaranteed: int = 0


class MeteringRule(Message, frozen=True):
    """Which packets between a router and its external network count, or with `excluded` do not whatever others say.

    `direction` "ingress" (from outside) or "egress"; `source` and `destination` are CIDRs as they are behind the
    router, where guests have their fixed IPs, or "" for any.
    """

    id: str
    direction: str
    excluded: bool = False
    source: str = ""
    destination: str = ""


class MeteringLabelView(Object, frozen=True, tag="metering_label"):
    """What is counted of the routers of a project, or with `shared` of all."""

    project_id: str
    shared: bool = False
    rules: list[MeteringRule] = []


class LogView(Object, frozen=True, tag="log"):
    """What is to be written down of the packets of filtered ports; a log that is not enabled does not travel.

    `event` is "ACCEPT", "DROP" or "ALL".  With a `port_id` it is of that port, with a `group_id` of the ports with that
    group, with both of the port while it has the group, and with neither of all ports of the project.
    """

    event: str
    project_id: str
    port_id: str = ""
    group_id: str = ""


class AuditView(Object, frozen=True, tag="audit"):
    """Somebody wants to know what on the host is not as it should be; each is answered once, with a report.

    With `repair` the host puts right what it finds, as it does by itself now and then.
    """

    repair: bool = False


AnyObject = (
    HostView
    | AssignmentView
    | NetworkView
    | SubnetView
    | PortView
    | LocalIpView
    | NeighbourView
    | GroupView
    | MemberView
    | RouterView
    | FloatingIpView
    | MeteringLabelView
    | QosPolicyView
    | LogView
    | AuditView
)


class Ref(Message, frozen=True, array_like=True):
    """Names an object: its kind (the tag of its view type) and id."""

    kind: str
    id: str


class ScopeNews(Message, frozen=True, kw_only=True):
    """The news of one scope.  `whole`: `objects` is all there is in it; forget what you had."""

    scope: str
    whole: bool = False
    objects: list[msgspec.Raw] = []
    gone: list[Ref] = []


def digest(content: Iterable[tuple[str, str, int]]) -> str:
    """A short name for the content of a scope: its objects as (kind, id, revision), in any order."""
    total = hashlib.blake2b(digest_size=16)
    for kind, id, revision in sorted(content):
        total.update(f"{kind} {id} {revision}\n".encode())
    return total.hexdigest()


class FetchRequest(Message, frozen=True, kw_only=True):
    """`scopes` are those that the agent has up to `revision` (0: none).

    `digests`, now and then, are the digests of what it has in them: a scope whose content is another comes whole.
    `instance` is the agent's process, by a name that it has chosen at its start; "" from an agent that has none.
    """

    version: int = PROTOCOL
    host: str
    revision: int = 0
    scopes: list[str] = []
    digests: dict[str, str] = {}
    instance: str = ""


class FetchReply(Message, frozen=True, kw_only=True):
    """`changed_at`: when the oldest of the news was committed, in milliseconds since the epoch; 0 if not told."""

    version: int = PROTOCOL
    revision: int
    scopes: list[ScopeNews] = []
    dropped: list[str] = []
    changed_at: int = 0


class MeterReading(Message, frozen=True, kw_only=True):
    """What a metering label has counted at a router of the host.

    `since`: when this counter was made, in milliseconds since the epoch: it names the counter, which began at 0 then.
    `bytes` are those of IP packets, with their headers.
    """

    label_id: str
    router_id: str
    since: int
    packets: int
    bytes: int


class RoleState(Message, frozen=True, kw_only=True):
    """One role of an agent, shown as one agent record.

    `role`: "switch" (Open vSwitch), "bridge" (Linux bridge), "router", "dhcp", "metadata" or "compute".
    `configuration` is shown to administrators as it is; `readings` are those of the role's counters.
    """

    role: str
    configuration: dict[str, str | int | bool | float | list[str] | dict[str, str]] = {}
    readings: list[MeterReading] = []


class Status(Message, frozen=True, kw_only=True):
    """What the host observed of one object: `state` is "up", "down", "error" or "gone".

    `ha_state` of a highly available router: "active" or "standby" there, "" where that is not known; of two hosts that
    say "active", the one with the greater `ha_term` is.
    """

    kind: str
    id: str
    revision: int
    state: str
    message: str = ""
    ha_state: str = ""
    ha_term: int = 0


class Deviation(Message, frozen=True, kw_only=True):
    """Something on a host that was not as it should be; `id` of the object, or of what of the host it is."""

    role: str
    kind: str
    id: str
    expected: str
    found: str


class AuditAnswer(Message, frozen=True, kw_only=True):
    """What an audit found: `total` deviations, the first of them here; `problem`: why not all could be looked at."""

    id: str
    deviations: list[Deviation] = []
    total: int = 0
    problem: str = ""


class Guarantees(Message, frozen=True, kw_only=True):
    """What a host can promise to ports: bandwidth by bridge or card (or all tunnels) and direction, packet rates of the
    whole host; the defaults are "allocation_ratio" and "reserved" (`model/capacity.py`).
    """

    bandwidths: dict[str, dict[str, int]] = {}
    bandwidth_defaults: dict[str, float] = {}
    packets: dict[str, int] = {}
    packets_by_direction: dict[str, dict[str, int]] = {}
    packet_defaults: dict[str, float] = {}


class ReportRequest(Message, frozen=True, kw_only=True):
    """The heartbeat and the observations of one host.

    `started_at` is the agent's start in seconds since the epoch; `bridge_mappings` maps physical networks to
    bridges; `drift` counts what was found changed by hand and put right since the start; `availability_zone` is "" from
    an agent that knows of none.  `instance` as in `FetchRequest`; `clock` is the host's time in seconds since the epoch
    when it was sent, 0 from an agent that does not tell.  `guarantees` come with heartbeats.  `release`: the version of
    Heddle that the agent is of, "" from one of 0.1 that does not tell it yet.

    `revision`: the host has applied everything up to it, but for the objects that it reports as "error".  It is told
    soon after each change; `changed_at` is then what the answer with the (oldest) news said.
    """

    version: int = PROTOCOL
    host: str
    started_at: float
    roles: list[RoleState] = []
    tunnel_ip: str = ""
    bridge_mappings: dict[str, str] = {}
    datapath: str = ""
    revision: int = 0
    drift: int = 0
    failed: int = 0
    statuses: list[Status] = []
    availability_zone: str = ""
    changed_at: int = 0
    audits: list[AuditAnswer] = []
    instance: str = ""
    clock: float = 0.0
    guarantees: Guarantees | None = None
    release: str = ""


class ReportReply(Message, frozen=True, kw_only=True):
    """`repeat`: the server had given the host up, or has not known it: all statuses are wanted again."""

    version: int = PROTOCOL
    repeat: bool = False


class Wake(Message, frozen=True, kw_only=True):
    """A hint: these scopes have news.  `request_id` is that of the API request which made it."""

    scopes: list[str]
    request_id: str = ""
