"""What is missing in the files of a service, or stands in them that will be in the way."""

from __future__ import annotations

import re
from collections.abc import Iterator

from heddle.checks.base import Finding, failure, warning
from heddle.checks.openstack.ini import Options, is_true
from heddle.checks.openstack.service import DATABASES, RABBIT, SILENCE, Service
from heddle.errors import ConfigError

TOKEN = "keystone_authtoken"
# What examples have in the place of a password.
_EXAMPLE = re.compile(r"%SERVICE_\w+%|[A-Z]+_(DB)?PASS")
_BY_PASSWORD = ("password", "v3password", "v2password")
NUMBERS = {"neutron": [SILENCE["neutron"]], "nova": [SILENCE["nova"], ("report_interval", 10)]}


def holes(service: Service) -> list[Finding]:
    try:
        return [*_databases(service), *_queue(service), *_token(service.told), *_numbers(service)]
    except ConfigError as error:
        return [failure(str(error))]


def _databases(service: Service) -> Iterator[Finding]:
    for section in DATABASES[service.name].values():
        if not service.told.get(section, "connection") and section == "database":
            yield failure(f"[{section}] connection is not set", remedy="Give the file of a server that has a database: "
                          "hosts that only run agents or nova-compute have none.")  # fmt: skip


def _queue(service: Service) -> Iterator[Finding]:
    if not service.told.get("DEFAULT", "transport_url"):
        yield warning("[DEFAULT] transport_url is not set: services then look for RabbitMQ on their own machine")
    if service.secure and "ssl_ca_file" not in service.tls_files:
        yield warning(f"[{RABBIT}] ssl is on without ssl_ca_file: the certificate of the broker is not compared")
    if is_true(service.rabbit("rabbit_ha_queues")) and not is_true(service.rabbit("rabbit_quorum_queue")):
        yield warning(f"[{RABBIT}] rabbit_ha_queues: RabbitMQ has no mirrored queues any more from 4.0 on",
                      remedy="Set rabbit_quorum_queue instead, when no service runs: queues must be made anew.")


def _token(told: Options) -> Iterator[Finding]:
    if any(told.get(section, "auth_strategy").startswith("noauth") for section in ("DEFAULT", "api")):
        return
    if not told.has(TOKEN):
        yield warning(f"there is no section [{TOKEN}]: is it in another file of the service's?")
    elif not told.get(TOKEN, "auth_section"):
        kind = told.get(TOKEN, "auth_type") or told.get(TOKEN, "auth_plugin")
        wanted = ["auth_url", *(["password"] if kind in _BY_PASSWORD else [])]
        missing = [] if kind else ["auth_type"]
        missing += [name for name in wanted if not told.get(TOKEN, name)]
        if kind in _BY_PASSWORD and not (told.get(TOKEN, "username") or told.get(TOKEN, "user_id")):
            missing.append("username")
        if missing:
            yield failure(f"[{TOKEN}] has no {', '.join(missing)}: the service can check no token")
        if _EXAMPLE.fullmatch(told.get(TOKEN, "password")):
            yield failure(f"[{TOKEN}] password is the one of the examples")


def _numbers(service: Service) -> Iterator[Finding]:
    for name, default in NUMBERS[service.name]:
        if service.told.number("DEFAULT", name, default) <= 0:
            yield failure(f"[DEFAULT] {name} is not above 0")
