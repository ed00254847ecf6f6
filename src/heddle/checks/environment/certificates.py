"""Certificates that the settings name are valid today, and for a while yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from heddle.checks.base import Check, Finding, Level, OnOpenStack, failure, not_applicable, warning, well
from heddle.checks.context import Context
from heddle.checks.openstack.context import OpenStack
from heddle.config import Settings

SOON = timedelta(days=30)


def check(context: Context) -> list[Finding]:
    return _judged(_files(context.settings))


def openstack(cloud: OpenStack) -> list[Finding]:
    """Keys are no certificates."""
    told = [service for service in cloud.services if service.options]
    return _judged({
        f"{service.name}: {option}": file for service in told for option, file in service.tls_files.items()
        if option != "ssl_key_file"
    })  # fmt: skip


def _judged(files: dict[str, str]) -> list[Finding]:
    if not files:
        return [not_applicable("the settings name no certificate")]
    found = [finding for setting, file in files.items() for finding in _look(setting, Path(file))]
    bad = [each for each in found if each.level != Level.SUCCESS]
    return bad or [well(f"{len(found)} certificates are valid", "; ".join(each.details for each in found))]


def _files(settings: Settings) -> dict[str, str]:
    named = {
        "bus.ca_file": settings.bus.ca_file, "bus.cert_file": settings.bus.cert_file,
        "metadata.nova_ca_file": settings.metadata.nova_ca_file,
    }  # fmt: skip
    return {setting: file for setting, file in named.items() if file}


def _look(setting: str, file: Path) -> list[Finding]:
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        return [failure(f"{setting} = {file} cannot be read: {error}", evidence=str(file))]
    return [_judge(setting, file, each) for each in found]


def _judge(setting: str, file: Path, certificate: x509.Certificate) -> Finding:
    now, end = datetime.now(UTC), certificate.not_valid_after_utc
    what = f"{setting} = {file}: {certificate.subject.rfc4514_string() or 'a certificate'}"
    if end < now:
        return failure(f"{what} expired on {end:%Y-%m-%d}", evidence=f"{end:%Y-%m-%d %H:%M} UTC")
    if certificate.not_valid_before_utc > now:
        return failure(f"{what} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")
    if end - now < SOON:
        return warning(f"{what} expires in {(end - now).days} days, on {end:%Y-%m-%d}", evidence=f"{end:%Y-%m-%d}")
    return well(f"{what} until {end:%Y-%m-%d}")


CHECK = Check(
    id="environment-certificates",
    title="Certificates are valid",
    reads="the files of bus.ca_file, bus.cert_file and metadata.nova_ca_file",
    severity=Level.FAILURE,
    remedy="Renew the certificate, put it in the place of the old one, and restart servers and agents; where it is not "
    "valid yet, look at this machine's clock.",
    check=check,
    openstack=OnOpenStack(
        openstack, "the files of ssl_ca_file and ssl_cert_file of [oslo_messaging_rabbit]",
        "Renew the certificate, put it in the place of the old one, and restart the services.",
    ),
)
