"""Certificates that the settings of servers and hosts name are valid today, and for a while yet."""

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
    return [bad for each in node.facts.certificates if (bad := _judge(node, each, now))]


def _judge(node: Node, certificate: Certificate, now: datetime) -> Finding | None:
    what, name = _what(node, certificate), node.name
    if certificate.lack:
        return failure(f"{what} {certificate.lack}", certificate.file, node=name)
    starts, ends = datetime.fromtimestamp(certificate.starts, UTC), datetime.fromtimestamp(certificate.ends, UTC)
    if ends < now:
        return failure(f"{what} expired on {ends:%Y-%m-%d}", f"{ends:%Y-%m-%d %H:%M} UTC", node=name)
    if starts > now:
        return failure(f"{what} is not valid before {starts:%Y-%m-%d %H:%M} UTC", node=name)
    if ends - now < SOON:
        return warning(f"{what} expires in {(ends - now).days} days, on {ends:%Y-%m-%d}", f"{ends:%Y-%m-%d}", node=name)
    return None


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
