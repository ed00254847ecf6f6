"""OpenStack's DNS service, by version 2 of its REST API.

Names of ports and floating IPs go into a zone that their project has there: Heddle's user acts for that project
(X-Auth-Sudo-Project-ID), so nobody writes into a zone of others by naming it.  Names of addresses go into zones of
Heddle's own project, which are made where they are missing.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any
from urllib.parse import urlencode

from heddle.config import Settings
from heddle.dns.base import DnsError, RecordSet, check_values, zone_among
from heddle.dns.http import Login, Service
from heddle.errors import ConfigError

_LABEL_BITS = {".in-addr.arpa.": (8, 32), ".ip6.arpa.": (4, 128)}


class Zones:
    def __init__(self, settings: Settings) -> None:
        self._given, self._dns = settings.designate, settings.dns
        given = self._given
        for name in ("url", "auth_url", "username", "password"):
            if not getattr(given, name):
                raise ConfigError(f"designate.{name} is not set: the driver designate needs it")
        _check_prefix("ipv4_ptr_zone_prefix_size", given.ipv4_ptr_zone_prefix_size, 8, 24)
        _check_prefix("ipv6_ptr_zone_prefix_size", given.ipv6_ptr_zone_prefix_size, 4, 124)
        self._service = Service("Designate", given.url, given.cafile)
        auth_url = given.auth_url.rstrip("/").removesuffix("/v3") + "/v3"
        self._login = Login(
            Service("the identity service", auth_url, given.cafile),
            {"name": given.username, "domain": given.user_domain_name},
            {"name": given.project_name, "domain": given.project_domain_name},
            given.password,
        )

    def reverse_zone(self, name: str) -> str:
        if not self._given.allow_reverse_dns_lookup:
            return ""
        given = self._given
        prefix = given.ipv4_ptr_zone_prefix_size if name.endswith(".in-addr.arpa.") else given.ipv6_ptr_zone_prefix_size
        ending = next(ending for ending in _LABEL_BITS if name.endswith(ending))
        bits, all_bits = _LABEL_BITS[ending]
        return ".".join(name.split(".")[(all_bits - prefix) // bits :])

    def replace(self, records: RecordSet, ours: Collection[str], wanted: Collection[str]) -> None:
        end = time.monotonic() + self._dns.timeout
        reverse = records.type == "PTR"
        if not reverse and self._dns.zones and not zone_among(records.name, self._dns.zones):
            raise DnsError(f"it is in none of dns.zones ({', '.join(self._dns.zones)})")
        self._login.token(end)
        project = self._login.project_id if reverse else records.project_id
        zone = self._zone(records.zone, project, end)
        if zone is None and not wanted:
            return
        if zone is None and reverse:
            zone = self._make_zone(records, next(iter(wanted)), project, end)
        if zone is None:
            raise DnsError(f"project {project} has no zone {records.zone} in Designate: make it there")
        self._change(zone, records, project, ours, wanted, end)

    def _change(self, zone: str, records: RecordSet, project: str, ours: Collection[str], wanted: Collection[str],
                end: float) -> None:  # fmt: skip
        path = f"/zones/{zone}/recordsets"
        asked = urlencode({"name": records.name, "type": records.type})
        found = self._call("GET", f"{path}?{asked}", project, None, end)["recordsets"]
        found = [each for each in found if each["name"].lower() == records.name and each["type"] == records.type]
        current = list(found[0]["records"]) if found else []
        check_values(current, ours, wanted)
        values = sorted((set(current) - set(ours)) | set(wanted))
        if values == sorted(current):
            return
        if not found:
            body = {"name": records.name, "type": records.type, "records": values, "ttl": self._dns.ttl}
            self._call("POST", path, project, body, end)
        elif values:
            body = {"records": values, "ttl": self._dns.ttl}
            self._call("PUT", f"{path}/{found[0]['id']}", project, body, end)
        else:
            self._call("DELETE", f"{path}/{found[0]['id']}", project, None, end)

    def _zone(self, name: str, project: str, end: float) -> str | None:
        found = self._call("GET", f"/zones?{urlencode({'name': name})}", project, None, end)["zones"]
        return next((str(each["id"]) for each in found if each["name"].lower() == name), None)

    def _make_zone(self, records: RecordSet, named: str, project: str, end: float) -> str:
        domain = named.partition(".")[2].rstrip(".")
        email = self._given.ptr_zone_email or f"admin@{domain}"
        body = {"name": records.zone, "type": "PRIMARY", "email": email, "description": "Made by Heddle for addresses"}
        return str(self._call("POST", "/zones", project, body, end)["id"])

    def _call(self, method: str, path: str, project: str, body: Any, end: float, again: bool = True) -> Any:
        """Raises `DnsError`."""
        headers = {"X-Auth-Token": self._login.token(end), "X-Auth-Sudo-Project-ID": project}
        status, _, found = self._service.call(method, path, headers, body, end)
        if status == 401 and again:
            self._login.forget()
            return self._call(method, path, project, body, end, again=False)
        if status == 404 and method == "DELETE":
            return None
        if status >= 400:
            text = str((found or {}).get("message", "")) if isinstance(found, dict) else ""
            raise DnsError(f"{self._service.what} answers {status} to {method} {path.partition('?')[0]}: {text[:200]}")
        return found


def _check_prefix(name: str, value: int, step: int, most: int) -> None:
    if value % step or not step <= value <= most:
        raise ConfigError(f"designate.{name}={value}: write a multiple of {step} from {step} to {most}")


class DesignateDriver:
    name = "designate"

    def make(self, settings: Settings) -> Zones:
        return Zones(settings)


DRIVER = DesignateDriver()
