"""What a guest may read, of what Heddle knows: the tree of the Compute service's metadata, and that of EC2.

    /openstack/<version>/    meta_data.json network_data.json vendor_data.json vendor_data2.json; there is no user_data
    /<version>/meta-data/    instance-id hostname local-ipv4 mac …, one value each; folders are listed, a name a line

All versions say the same.  The instance's id is the device of its port, or the port's own where it has none.  Its name
is the port's DNS name, else its name made fit for DNS, else made up of its address as in the network's DNS.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from heddle.agent.metadata.guests import Guest
from heddle.agent.metadata.network_data import network_data

OPENSTACK = ("2015-10-15", "2016-06-30", "2016-10-06", "2017-02-22", "2018-08-27", "2020-10-14", "latest")
EC2 = (
    "1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01",
    "2009-04-04", "latest",
)  # fmt: skip
SEED_BYTES = 512
TEXT, JSON = "text/plain; charset=utf-8", "application/json; charset=utf-8"
_UNFIT = re.compile(r"[^a-z0-9-]+")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int = 200
    body: bytes = b""
    type: str = TEXT


def answer(guest: Guest, path: str, domain: str) -> Answer:
    """What is at a path, with the query or without; `domain` is the cloud's."""
    parts = [unquote(part) for part in path.partition("?")[0].split("/") if part]
    match parts:
        case []:
            return _listing(EC2)
        case ["openstack"]:
            return _listing(OPENSTACK)
        case ["openstack", version, *rest] if version in OPENSTACK:
            return _file(_openstack(guest, domain), rest)
        case [version, *rest] if version in EC2:
            return _value(_ec2(guest, domain), rest)
    return NOT_FOUND


def hostname(guest: Guest, domain: str) -> tuple[str, str]:
    """The name and the domain that it is in, "" for none."""
    port, network = guest.port, guest.cards[0].network
    zone = (port.domain or network.dns_domain or domain).rstrip(".")
    name = port.hostname.lower()
    if name.endswith("."):
        inside = name.removesuffix(f".{zone}.")
        name = inside if inside != name else name.partition(".")[0]
    for candidate in (name, _UNFIT.sub("-", port.name.lower())[:63].strip("-")):
        if len(candidate) <= 253 and _NAME.fullmatch(candidate):
            return candidate, zone
    address = port.fixed_ips[0].ip_address if port.fixed_ips else port.mac_address
    return "host-" + address.replace(".", "-").replace(":", "-"), zone


def meta_data(guest: Guest, domain: str, seed: bytes) -> dict[str, Any]:
    name, zone = hostname(guest, domain)
    zone_of_host = {"availability_zone": guest.zone} if guest.zone else {}
    return {
        "uuid": guest.instance_id,
        "project_id": guest.port.project_id,
        "name": guest.port.name or name,
        "hostname": f"{name}.{zone}" if zone else name,
        "launch_index": 0,
        "meta": {},
        "devices": [],
        **zone_of_host,
        "random_seed": base64.b64encode(seed).decode(),
    }


def _openstack(guest: Guest, domain: str) -> Mapping[str, Callable[[], Any]]:
    return {
        "meta_data.json": lambda: meta_data(guest, domain, os.urandom(SEED_BYTES)),
        "network_data.json": lambda: network_data(guest.cards),
        "vendor_data.json": dict,
        "vendor_data2.json": dict,
    }


def _ec2(guest: Guest, domain: str) -> dict[str, Any]:
    """Folders and values; the names of EC2's instance metadata."""
    name, zone = hostname(guest, domain)
    full = f"{name}.{zone}" if zone else name
    cards = {card.port.mac_address: _card(guest, number) for number, card in enumerate(guest.cards)}
    values = {
        "ami-launch-index": "0",
        "hostname": full,
        "instance-id": guest.instance_id,
        "local-hostname": full,
        "local-ipv4": "\n".join(_addresses(guest, 0, ".")[:1]),
        "mac": guest.port.mac_address,
        "network": {"interfaces": {"macs": cards}},
        "placement": {"availability-zone": guest.zone} if guest.zone else {},
        "public-ipv4": "\n".join(guest.cards[0].floating[:1]),
    }
    return {"meta-data": {key: value for key, value in values.items() if value}}


def _card(guest: Guest, number: int) -> dict[str, str]:
    port = guest.cards[number].port
    values = {
        "mac": port.mac_address,
        "interface-id": port.id,
        "local-ipv4s": "\n".join(_addresses(guest, number, ".")),
        "ipv6s": "\n".join(_addresses(guest, number, ":")),
        "public-ipv4s": "\n".join(guest.cards[number].floating),
    }
    return {key: value for key, value in values.items() if value}


def _addresses(guest: Guest, card: int, mark: str) -> list[str]:
    return [fixed.ip_address for fixed in guest.cards[card].port.fixed_ips if mark in fixed.ip_address]


def _file(files: Mapping[str, Callable[[], Any]], parts: list[str]) -> Answer:
    if not parts:
        return _listing(files)
    if len(parts) == 1 and parts[0] in files:
        return Answer(body=json.dumps(files[parts[0]]()).encode(), type=JSON)
    return NOT_FOUND


def _value(tree: Any, parts: list[str]) -> Answer:
    for part in parts:
        if not isinstance(tree, dict) or part not in tree:
            return NOT_FOUND
        tree = tree[part]
    if isinstance(tree, dict):
        return _listing(f"{name}/" if isinstance(value, dict) else name for name, value in tree.items())
    return Answer(body=str(tree).encode())


def _listing(names: Any) -> Answer:
    return Answer(body="\n".join(names).encode())


NOT_FOUND = Answer(404, b"There is nothing of that name.\n")
