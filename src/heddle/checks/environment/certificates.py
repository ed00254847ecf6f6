"""Certificates that the settings of servers and hosts name are valid today, and for a while yet.

A file of authorities (`…ca_file`) may have one whose days are over beside others, as while they are renewed: that is a
warning for as long as one that is valid, with all above it, is in the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from heddle import __version__, machine
from heddle.checks import nodes
from heddle.checks.base import Check, Finding, Level, OnOpenStack, failure, not_applicable, warning, well
from heddle.checks.context import Context
from heddle.checks.openstack.context import OpenStack
from heddle.checks.told import Node, Nodes
from heddle.view.facts import Certificate, Facts

SOON = timedelta(days=30)
AUTHORITIES = "ca_file"  # how the settings end that name files of authorities
REMOVE = "See that nothing is signed by it any more, remove it from the file, and restart servers and agents."
WAIT = "Leave it for when its time comes; where that should have come already, look at that machine's clock."


def check(context: Context) -> list[Finding]:
    return _judged(nodes.everywhere(context))


def openstack(cloud: OpenStack) -> list[Finding]:
    """Keys are no certificates."""
    told = [service for service in cloud.services if service.options]
    files = {
        f"{service.name}: {option}": file for service in told for option, file in service.tls_files.items()
        if option != "ssl_key_file"
    }  # fmt: skip
    found = tuple(machine.certificates(files))
    return _judged(Nodes((Node("", Facts(release=__version__, certificates=found)),), ()))


def _judged(found: Nodes) -> list[Finding]:
    now = datetime.now(UTC)
    return nodes.judged(found, lambda node: judge(node, now), _praise)


def judge(node: Node, now: datetime) -> Iterable[Finding]:
    """A file of authorities may have one whose days are over, for as long as others in it do."""
    told = node.facts.certificates
    rest = {each.file for each in told if each.setting.endswith(AUTHORITIES) and _trusted(each, told, now)}
    return [bad for each in told if (bad := _judge(node, each, now, beside=each.file in rest))]


def _trusted(authority: Certificate, told: Iterable[Certificate], now: datetime) -> bool:
    """Whether it and those above it, up to one that is its own, are valid and in its file."""
    valid = {each.subject: each for each in told if each.file == authority.file and _is_valid(each, now)}
    seen: set[str] = set()
    name = authority.subject
    while name in valid and name not in seen:
        if not valid[name].issuer:
            return True
        seen.add(name)
        name = valid[name].issuer
    return False


def _is_valid(certificate: Certificate, now: datetime) -> bool:
    return not certificate.lack and certificate.starts <= now.timestamp() <= certificate.ends


def _judge(node: Node, certificate: Certificate, now: datetime, *, beside: bool) -> Finding | None:
    """`beside`: there are others in the file that do what it no longer does."""
    what, name = _what(node, certificate), node.name
    if certificate.lack:
        return failure(f"{what} {certificate.lack}", certificate.file, node=name)
    starts, ends = datetime.fromtimestamp(certificate.starts, UTC), datetime.fromtimestamp(certificate.ends, UTC)
    if _is_valid(certificate, now):
        left = (ends - now).days
        soon = warning(f"{what} expires in {left} days, on {ends:%Y-%m-%d}", f"{ends:%Y-%m-%d}", node=name)
        return soon if ends - now < SOON else None
    over = ends < now
    says = f"{what} expired on {ends:%Y-%m-%d}" if over else f"{what} is not valid before {starts:%Y-%m-%d %H:%M} UTC"
    if beside:
        return warning(f"{says}; another authority in the file is valid", f"{starts:%Y-%m-%d} to {ends:%Y-%m-%d}",
                       node=name, remedy=REMOVE if over else WAIT)  # fmt: skip
    return failure(says, f"{starts:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC", node=name)


def _what(node: Node, certificate: Certificate) -> str:
    at = f"{node.name}: " if node.name else ""
    subject = "" if certificate.lack else f": {certificate.subject or 'a certificate'}"
    return f"{at}{certificate.setting} = {certificate.file}{subject}"


def _praise(seen: list[Node]) -> Finding:
    told = [f"{_what(node, each)} until {datetime.fromtimestamp(each.ends, UTC):%Y-%m-%d}"
            for node in seen for each in node.facts.certificates]  # fmt: skip
    if not told:
        return not_applicable("the settings name no certificate")
    return well(f"{len(told)} certificates are valid", "; ".join(told))


CHECK = Check(
    id="environment-certificates",
    title="Certificates are valid",
    reads="the files of bus.ca_file, bus.cert_file and metadata.nova_ca_file, of this server and of each host",
    severity=Level.FAILURE,
    remedy="Renew the certificate, put it in the place of the old one, and restart servers and agents; where it is not "
    "valid yet, look at that machine's clock.",
    check=check,
    openstack=OnOpenStack(
        openstack, "the files of ssl_ca_file and ssl_cert_file of [oslo_messaging_rabbit]",
        "Renew the certificate, put it in the place of the old one, and restart the services.",
    ),
)
