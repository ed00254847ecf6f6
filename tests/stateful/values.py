"""Values of attributes: right ones by the type that the model declares, and wrong ones of every kind."""

from __future__ import annotations

import ipaddress
import random
from typing import Any

from heddle.model.fields import Bool, Cidr, DnsName, FieldType, Int, Ip, Json, Mac, OneOf, Text, Uuid
from heddle.model.port_forwarding import PortRange
from heddle.model.security_group import Protocol

WORDS = ("red", "green", "blue", "web", "db", "α-β", "two words", "UPPER", "x" * 255, "", "0", "null", "%", "a'b\"c")
MISSING = "00000000-0000-4000-8000-00000000dead"
WILD: tuple[Any, ...] = (
    None, 0, 1, -1, 7, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**64, 10**40, -(2**70), 1.0, 1.5, -0.0, 1e308, True, False,
    "", " ", "0", "-1", "1e3", "0x10", "١٢", "true", "None", "x", "x" * 256, "x" * 5000, "a\u0007b", "line\nbreak",
    "\ud800", "a\u0000b", "😀" * 100, "'; drop table ports; --", "%s%n{}", "../../etc/passwd", [], {}, [[]], [{}],
    [None],    [1, 2], ["x"], ["x", "x"], {"a": {"b": []}}, {"id": None}, [[[[[[[[[]]]]]]]]], MISSING, [MISSING],
    MISSING.upper(),
    "10.0.0.0/33", "10.0.0.1/24", "0.0.0.0/0", "::/0", "::1%eth0", "10.0.0.256", "010.0.0.1", "255.255.255.255",
    "224.0.0.1",    "fe80::1", "::ffff:10.0.0.1", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "01:00:5e:00:00:01",
    "65536", "70000:1",
    "5:",    {"start": "10.0.0.9", "end": "10.0.0.2"}, [{"start": "10.0.0.2", "end": "10.0.0.9"}] * 2,
    [{"ip_address": "10.0.0.2"}],    [{"ip_address": "10.0.0.2"}, {"ip_address": "10.0.0.2"}],
    [{"subnet_id": MISSING}], [{"destination": "0.0.0.0/0"}],
    [{"destination": "10.9.0.0/24", "nexthop": "10.0.0.9"}], {"network_id": MISSING}, {"network_id": None},
    [{"opt_name": "x", "opt_value": None}], [{"opt_name": "x\n", "opt_value": "y"}], [{"port_id": MISSING}],
    [{"port_id": MISSING, "segmentation_type": "vlan", "segmentation_id": 5000}],
    [{"provider:network_type": "vlan"}, {"provider:network_type": "flat"}],
    [{"mac_address": "x", "ip_address": "1.2.3.4"}],
)  # fmt: skip


def of_type(rng: random.Random, kind: FieldType) -> Any:  # noqa: C901 (a type after the other)
    """A value that the type takes, as a client may write it."""
    if kind.nullable and rng.random() < 0.1:
        return None
    match kind:
        case Bool():
            return rng.choice((True, False, "true", "False", 1))
        case OneOf():
            return rng.choice(kind.values)
        case Int():
            return rng.choice((kind.low, kind.high, min(kind.high, kind.low + rng.randrange(1, 2000))))
        case Mac():
            return f"02:{rng.randrange(256):02x}:00:00:00:{rng.randrange(256):02x}"
        case Ip():
            return address(rng)
        case Cidr():
            return block(rng)
        case Protocol():
            return rng.choice(("tcp", "udp", "icmp", "ipv6-icmp", None, 6, "17", "any", "ah"))
        case PortRange():
            low = rng.randrange(1, 65000)
            return f"{low}:{low + rng.randrange(3)}"
        case DnsName():
            return rng.choice(("", "host", "a.example.org.")) if kind.form == "domain" else rng.choice(("", "vm1"))
        case Uuid():
            return MISSING
        case Text():
            return rng.choice(WORDS)[: kind.length] or "word"
        case Json():
            return [] if "array" in str(kind.shape().get("type")) else {}
    return rng.choice(WORDS)


def address(rng: random.Random) -> str:
    if rng.random() < 0.2:
        return f"2001:db8:{rng.randrange(8):x}::{rng.randrange(2, 300):x}"
    return f"10.{rng.randrange(8)}.{rng.randrange(4)}.{rng.randrange(1, 255)}"


def block(rng: random.Random, version: int = 0) -> str:
    """A CIDR out of few, so that they meet."""
    if version == 6 or (not version and rng.random() < 0.2):
        return f"2001:db8:{rng.randrange(16):x}::/64"
    return f"10.{rng.randrange(8)}.{rng.randrange(4)}.0/{rng.choice((24, 24, 24, 26, 28))}"


def within(rng: random.Random, cidr: str) -> str:
    """An address of a block, one of its ends now and then."""
    network = ipaddress.ip_network(cidr)
    span = min(network.num_addresses, 300)
    return str(network[rng.choice((0, 1, span - 1)) if rng.random() < 0.1 else rng.randrange(span)])
