"""The names of ports in the DNS of their network.

A port's names are in its own domain, else in its network's, else in the cloud's.  A domain may hold keywords:
`<project_id>.example.org.` is another domain for each project.  What takes their place is known when the port is
made, or its names change, and is kept with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from heddle.control.context import Context
from heddle.errors import BadRequest, invalid
from heddle.model.fields import DNS_KEYWORDS, same_for_all
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.store.query.identity import PROJECTS
from heddle.store.query.networks import ShownByPorts

LONGEST = 255


def settle(ctx: Context, network: Network, port: Port) -> None:
    """Fill in the domain of a port that is new or whose names change, and check the names.  Raises `BadRequest`."""
    asked = port.dns_domain or network.dns_domain
    port.dns_zone = _replaced(ctx, port, asked) if asked and not same_for_all(asked) else port.dns_domain
    if port.dns_name:
        _check(port.dns_name, _domain(port, network.dns_domain, ctx.settings.network.dns_domain))


def describe_names(domain: str, ports: Sequence[Port], networks: Mapping[str, ShownByPorts]) -> None:
    """Fill in `dns_assignment`: what the network's DNS answers for each address; `domain` is the cloud's."""
    for port in ports:
        zone = _domain(port, networks.get(port.network_id, ShownByPorts()).dns_domain, domain)
        port.dns_assignment = [
            {"hostname": name, "ip_address": ip.ip_address, "fqdn": f"{name}.{zone}."}
            for ip in port.fixed_ips
            for name in (_relative(port.dns_name, zone) or _made_up(ip.ip_address),)
        ]


def check_floating(dns_name: str, dns_domain: str) -> None:
    """A floating IP's name is published in its domain: neither goes without the other.  Raises `BadRequest`."""
    for given, missing, name in ((dns_name, dns_domain, "dns_domain"), (dns_domain, dns_name, "dns_name")):
        if given and not missing:
            other = "dns_name" if name == "dns_domain" else "dns_domain"
            raise BadRequest("BadRequest", f"Bad floatingip request: {other} cannot be specified without a {name}.")


def _domain(port: Port, of_network: str, of_cloud: str) -> str:
    return (port.dns_zone or same_for_all(of_network) or of_cloud).rstrip(".")


def _relative(name: str, domain: str) -> str:
    """A name as it is inside the domain; of a full name that is in another one, the first label."""
    if not name.endswith("."):
        return name
    inside = name.removesuffix(f".{domain}.")
    return inside if inside != name else name.partition(".")[0]


def _made_up(ip_address: str) -> str:
    return "host-" + ip_address.replace(".", "-").replace(":", "-")


def _check(name: str, domain: str) -> None:
    if name.endswith("."):
        if not name.endswith(f".{domain}."):
            raise invalid("dns_name", f"'{name}' is a full name, but none in the domain '{domain}.'.")
    elif len(name) + len(domain) + 2 > LONGEST:
        raise invalid(
            "dns_name", f"'{name}' and the domain '{domain}.' together are longer than {LONGEST} characters."
        )


def _replaced(ctx: Context, port: Port, domain: str) -> str:
    """The domain with the port's words in place of the keywords; "" where one of them is not known."""
    for keyword in DNS_KEYWORDS:
        place = f"<{keyword}>"
        if place in domain:
            label = re.sub(r"[^a-z0-9-]+", "-", _word(ctx, port, keyword).lower())[:63].strip("-")
            if not label:
                return ""
            domain = domain.replace(place, label)
    return domain if len(domain) <= LONGEST else ""


def _word(ctx: Context, port: Port, keyword: str) -> str:
    caller = ctx.caller
    project_id = port.project_id or caller.project_id
    match keyword:
        case "user_id":
            return caller.user_id
        case "user_name":
            return caller.user_name
        case "project_name" if project_id != caller.project_id:
            project = PROJECTS.get(ctx.tx, project_id)
            return project.name if project else ""
        case "project_name":
            return caller.project_name
        case _:
            return project_id
