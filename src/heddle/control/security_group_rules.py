"""What a security-group rule may say by itself, and when two rules say the same.  Pure.

A protocol has a name or a number, a range of all ports is no range, a CIDR may be written with host bits, and
"everybody" may be said by a CIDR of length 0 or by none: `meaning` is the same for all ways to say a thing.  The
rules of the reference that are kept: ports from 1 to 65535 as both ends or neither, ICMP with a type and perhaps a
code, and IPv6's own protocols for IPv6 only.
"""

from __future__ import annotations

import ipaddress
from typing import TypeVar

import msgspec

from heddle.errors import BadRequest
from heddle.model.security_group import PROTOCOLS, Rule, protocol_number

R = TypeVar("R", bound=Rule)
_WITH_PORTS = {PROTOCOLS[name]: name for name in ("dccp", "sctp", "tcp", "udp", "udplite")}
_ICMP, _ICMPV6 = PROTOCOLS["icmp"], PROTOCOLS["ipv6-icmp"]
_IPV6_ONLY = {number for name, number in PROTOCOLS.items() if name.startswith("ipv6-")}
_ALL_PORTS = (1, 65535)


def normal_cidr(rule: Rule) -> str | None:
    """The CIDR of a rule without host bits."""
    return str(ipaddress.ip_network(rule.remote_ip_prefix, strict=False)) if rule.remote_ip_prefix else None


def meaning(rule: Rule) -> tuple[object, ...]:
    """What a rule says; equal for rules that say the same."""
    cidr = normal_cidr(rule)
    return (
        rule.direction,
        rule.ethertype,
        protocol_number(rule),
        rule.port_range_min,
        rule.port_range_max,
        None if cidr in ("0.0.0.0/0", "::/0") else cidr,
        rule.remote_group_id,
        rule.remote_address_group_id,
    )


def checked(rule: R) -> R:
    """The rule as it is kept.  Raises `BadRequest` for one that contradicts itself."""
    if sum(map(bool, (rule.remote_ip_prefix, rule.remote_group_id, rule.remote_address_group_id))) > 1:
        raise BadRequest(
            "SecurityGroupMultipleRemoteEntites",
            "Only one of remote_ip_prefix, remote_group_id or remote_address_group_id may be provided.",
        )
    if rule.remote_ip_prefix and (":" in rule.remote_ip_prefix) != (rule.ethertype == "IPv6"):
        raise BadRequest(
            "SecurityGroupRuleParameterConflict",
            f"Conflicting value ethertype {rule.ethertype} for CIDR {rule.remote_ip_prefix}",
        )
    if rule.ethertype == "IPv4" and protocol_number(rule) in _IPV6_ONLY:
        raise BadRequest(
            "SecurityGroupEthertypeConflictWithProtocol", f"Invalid ethertype IPv4 for protocol {rule.protocol}."
        )
    _check_ports(rule)
    new = msgspec.structs.replace(rule)
    if protocol_number(rule) in _WITH_PORTS and (rule.port_range_min, rule.port_range_max) == _ALL_PORTS:
        new.port_range_min = new.port_range_max = None
    return new


def _check_ports(rule: Rule) -> None:
    low, high, number = rule.port_range_min, rule.port_range_max, protocol_number(rule)
    if low is None and high is None:
        return
    if number is None:
        raise BadRequest("SecurityGroupProtocolRequiredWithPorts", "Must also specify protocol if port range is given.")
    if number in (_ICMP, _ICMPV6):
        _check_icmp(low, high)
        return
    if number not in _WITH_PORTS:
        raise BadRequest(
            "SecurityGroupInvalidProtocolForPort",
            f"Invalid protocol {rule.protocol} for port range, only supported for protocols "
            f"{sorted(_WITH_PORTS.values())}.",
        )
    if 0 in (low, high):
        raise BadRequest("SecurityGroupInvalidPortValue", "Invalid value for port 0")
    if low is None or high is None or low > high:
        raise BadRequest(
            "SecurityGroupInvalidPortRange", "For TCP/UDP protocols, port_range_min must be <= port_range_max"
        )


def _check_icmp(kind: int | None, code: int | None) -> None:
    for name, value in (("type (port_range_min)", kind), ("code (port_range_max)", code)):
        if value is not None and value > 255:
            raise BadRequest(
                "SecurityGroupInvalidIcmpValue", f"Invalid value for ICMP {name} {value}. It must be 0 to 255."
            )
    if kind is None:
        raise BadRequest(
            "SecurityGroupMissingIcmpType",
            f"ICMP code (port-range-max) {code} is provided but ICMP type (port-range-min) is missing.",
        )
