"""The structured values inside resources: fixed IPs, pools, routes, address pairs, DHCP options.

Each is a type and a reader that parses and checks a list of them; the readers raise `Invalid`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from heddle.model.fields import (
    Bool,
    Cidr,
    FieldType,
    Invalid,
    Ip,
    Json,
    Mac,
    OneOf,
    Text,
    Uuid,
    parse_ip,
    parse_network,
    quote,
)

V = TypeVar("V")

MOST_DHCP_OPTIONS = 250
UUID_SHAPE: dict[str, Any] = {"type": "string", "format": "uuid"}


class FixedIp(msgspec.Struct, frozen=True):
    """An address of a port.  In a request either part may be missing (empty)."""

    subnet_id: str = ""
    ip_address: str = ""


class AllocationPool(msgspec.Struct, frozen=True):
    start: str
    end: str


class HostRoute(msgspec.Struct, frozen=True):
    destination: str
    nexthop: str


class AddressPair(msgspec.Struct, frozen=True):
    mac_address: str
    ip_address: str


class DhcpOption(msgspec.Struct, frozen=True):
    opt_name: str
    opt_value: str | None = None
    ip_version: int = 4


class GatewayInfo(msgspec.Struct, frozen=True):
    """A router's gateway.  `enable_snat` None, `qos_policy_id` UNSET: not said."""

    network_id: str
    enable_snat: bool | None = None
    external_fixed_ips: list[FixedIp] | None = None
    qos_policy_id: str | msgspec.UnsetType | None = msgspec.UNSET


def record(value: Any, keys: Mapping[str, FieldType], required: Iterable[str], what: str) -> dict[str, Any]:
    """A dictionary with just these keys, each parsed by its type."""
    if not isinstance(value, dict):
        raise Invalid(f"{quote(value)} is not a dictionary: {what} is expected")
    unknown = sorted(str(key) for key in value if key not in keys)
    if unknown:
        raise Invalid(f"Unexpected keys supplied: {', '.join(unknown)}; {what} has {', '.join(keys)}")
    missing = [key for key in required if key not in value]
    if missing:
        raise Invalid(f"Missing keys: {', '.join(missing)}; {what} has {', '.join(keys)}")
    parsed = {}
    for key, raw in value.items():
        try:
            parsed[key] = keys[key].parse(raw)
        except Invalid as reason:
            raise Invalid(f"{key}: {reason}") from None
    return parsed


def list_of(read: Callable[[Any], V], what: str) -> Callable[[Any], list[V]]:
    """A reader of lists without duplicates; `null` is the empty list."""

    def reader(value: Any) -> list[V]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise Invalid(f"{quote(value)} is not a list of {what}")
        found: dict[V, None] = {}
        for item in value:
            parsed = read(item)
            if parsed in found:
                raise Invalid(f"Duplicate items in the list: {quote(item)}")
            found[parsed] = None
        return list(found)

    return reader


def _items(shape: dict[str, Any], required: list[str]) -> dict[str, Any]:
    item = {"type": "object", "properties": shape, "required": required, "additionalProperties": False}
    return {"type": ["array", "null"], "items": item}


_FIXED_IP: dict[str, FieldType] = {"subnet_id": Uuid(), "ip_address": Ip()}


def read_fixed_ip(value: Any) -> FixedIp:
    parsed = record(value, _FIXED_IP, (), "a fixed IP")
    if not parsed:
        raise Invalid("a fixed IP needs a subnet_id, an ip_address, or both")
    return FixedIp(**parsed)


def read_fixed_ips(value: Any) -> list[FixedIp]:
    if not isinstance(value, list):
        raise Invalid(f"{quote(value)} is not a list of fixed IPs")
    fixed_ips = []
    seen = set()
    for item in value:
        fixed_ip = read_fixed_ip(item)
        if fixed_ip.ip_address:
            if fixed_ip.ip_address in seen:
                raise Invalid(f"Duplicate IP address {quote(fixed_ip.ip_address)}")
            seen.add(fixed_ip.ip_address)
        fixed_ips.append(fixed_ip)
    return fixed_ips


_FIXED_IP_SHAPE: dict[str, Any] = {"subnet_id": UUID_SHAPE, "ip_address": {"type": "string"}}
FIXED_IPS = Json(read_fixed_ips, _items(_FIXED_IP_SHAPE, []))


def read_pool(value: Any) -> AllocationPool:
    parsed = record(value, {"start": Ip(), "end": Ip()}, ("start", "end"), "an allocation pool")
    return AllocationPool(parsed["start"], parsed["end"])


def read_pools(value: Any) -> list[AllocationPool]:
    if value is not None and not isinstance(value, list):
        raise Invalid(f"{quote(value)} is not a list of allocation pools")
    return [read_pool(item) for item in value or []]


POOLS = Json(
    read_pools,
    _items({"start": {"type": "string"}, "end": {"type": "string"}}, ["start", "end"]),
)


def read_route(value: Any) -> HostRoute:
    keys: dict[str, FieldType] = {"destination": Cidr(), "nexthop": Ip()}
    parsed = record(value, keys, ("destination", "nexthop"), "a route")
    return HostRoute(parsed["destination"], parsed["nexthop"])


ROUTES = Json(
    list_of(read_route, "routes"),
    _items({"destination": {"type": "string"}, "nexthop": {"type": "string"}}, ["destination", "nexthop"]),
)


def read_nameserver(value: Any) -> str:
    return str(Ip().parse(value))


read_nameservers = list_of(read_nameserver, "name servers")
NAMESERVERS = Json(read_nameservers, {"type": ["array", "null"], "items": {"type": "string"}})


def read_uuid(value: Any) -> str:
    return Uuid().check(value)


read_uuids = list_of(read_uuid, "UUIDs")
UUIDS = Json(read_uuids, {"type": ["array", "null"], "items": UUID_SHAPE})


# The API takes for a device owner whatever begins with one of these, or with a letter of "compute:".
_OWNERS = ("network:", "neutron:", *"compute:")


def read_service_type(value: Any) -> str:
    text = Text(255, empty=False).check(value)
    if not text.startswith(_OWNERS):
        raise Invalid(f"{quote(value)} does not start with a valid device owner such as 'compute:' or 'network:'")
    return text


def read_service_types(value: Any) -> list[str]:
    if value is not None and not isinstance(value, list):
        raise Invalid(f"{quote(value)} is not a list of service types")
    return list(dict.fromkeys(read_service_type(item) for item in value or []))


SERVICE_TYPES = Json(
    read_service_types,
    {"type": ["array", "null"], "items": {"type": "string"}},
)


def read_pair(value: Any) -> AddressPair:
    """An address pair; the MAC address is empty when it is the port's own."""
    keys: dict[str, FieldType] = {"mac_address": Mac(unicast=True), "ip_address": IpOrCidr()}
    parsed = record(value, keys, ("ip_address",), "an allowed address pair")
    return AddressPair(parsed.get("mac_address", ""), parsed["ip_address"])


class IpOrCidr(FieldType):
    """An address, or one with a prefix length, which is kept as it is; not multicast."""

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or "/" not in value:
            address = parse_ip(value)
            text = str(address)
        else:
            network = parse_network(value, strict=False)
            address = ipaddress.ip_address(value.split("/")[0])
            text = f"{address}/{network.prefixlen}"
        if address.is_multicast:
            raise Invalid(f"{quote(value)} is a multicast address")
        return text


PAIRS = Json(
    list_of(read_pair, "allowed address pairs"),
    _items({"mac_address": {"type": "string"}, "ip_address": {"type": "string"}}, ["ip_address"]),
)


def read_dhcp_option(value: Any) -> DhcpOption:
    keys: dict[str, FieldType] = {
        "opt_name": Text(64, empty=False),
        "opt_value": Text(255, nullable=True),
        "ip_version": OneOf(4, 6),
        "id": Text(36),
        "port_id": Text(36),
    }
    parsed = record(value, keys, ("opt_name", "opt_value"), "an extra DHCP option")
    name = parsed["opt_name"]
    if parsed["opt_value"] is not None and not parsed["opt_value"].strip():
        raise Invalid(
            f"opt_value: {quote(parsed['opt_value'])} Blank strings are not permitted for option {quote(name)}"
        )
    if any(c in name or c in (parsed["opt_value"] or "") for c in "\r\n"):
        raise Invalid(f"option {quote(name)} contains a line break")
    return DhcpOption(name, parsed["opt_value"], parsed.get("ip_version", 4))


_read_dhcp_options = list_of(read_dhcp_option, "extra DHCP options")


def read_dhcp_options(value: Any) -> list[DhcpOption]:
    """As many as one answer of DHCP can tell, and more: each goes to all hosts that serve the network."""
    if isinstance(value, list) and len(value) > MOST_DHCP_OPTIONS:
        raise Invalid(f"{len(value)} extra DHCP options are more than the {MOST_DHCP_OPTIONS} that a port can have")
    return _read_dhcp_options(value)


DHCP_OPTIONS = Json(
    read_dhcp_options,
    _items(
        {
            "opt_name": {"type": "string"},
            "opt_value": {"type": ["string", "null"]},
            "ip_version": {"enum": [4, 6, "4", "6"]},
        },
        ["opt_name", "opt_value"],
    ),
)


def read_gateway(value: Any) -> GatewayInfo | None:
    if not value:
        return None
    keys: dict[str, FieldType] = {
        "network_id": Uuid(),
        "enable_snat": Bool(),
        "external_fixed_ips": FIXED_IPS,
        "qos_policy_id": Uuid(nullable=True),
    }
    return GatewayInfo(**record(value, keys, ("network_id",), "external_gateway_info"))


GATEWAY = Json(
    read_gateway,
    {
        "type": ["object", "null"],
        "properties": {
            "network_id": UUID_SHAPE,
            "enable_snat": {"type": "boolean"},
            "external_fixed_ips": _items(_FIXED_IP_SHAPE, []),
            "qos_policy_id": Uuid(nullable=True).schema(),
        },
        "additionalProperties": False,
    },
    nullable=True,
)


def read_object(value: Any) -> dict[str, Any]:
    """Any JSON object of at most 4095 characters."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(f"{quote(value)} is not a dictionary")
    if len(msgspec.json.encode(value)) > 4095:
        raise Invalid("the dictionary is too long: it must have at most 4095 characters as JSON")
    return value


OBJECT = Json(read_object, {"type": ["object", "null"]})
