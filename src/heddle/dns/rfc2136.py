"""Dynamic updates (RFC 2136), signed with a TSIG key (RFC 8945), to the primary server of the zones.

The record set is asked for first; the update then has it as its condition, so that what somebody else writes in
between is not overwritten: the server refuses, and it is tried again.  Both go over TCP.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import time
from collections.abc import Collection

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.update

from heddle.config import Settings
from heddle.dns.base import DnsError, Unreachable, check_values, zone_among
from heddle.dns.base import RecordSet as Records
from heddle.errors import ConfigError

ALGORITHMS = ("hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha1", "hmac-md5.sig-alg.reg.int")
_LATER = (dns.rcode.SERVFAIL, dns.rcode.YXRRSET, dns.rcode.NXRRSET)


class Updates:
    def __init__(self, settings: Settings) -> None:
        given = settings.rfc2136
        self._zones, self._ttl, self._timeout = settings.dns.zones, settings.dns.ttl, settings.dns.timeout
        self._address, self._port = _server(given.server)
        if not self._zones:
            raise ConfigError("dns.zones is empty: write the zones that this server lets Heddle change")
        self._key = _key(given.key_name, given.key_algorithm, given.key_secret)
        self._where = f"the DNS server {given.server}"
        self._mend = f"let it be the primary of that zone, and let the key {given.key_name} update it"

    def reverse_zone(self, name: str) -> str:
        return zone_among(name, self._zones)

    def replace(self, records: Records, ours: Collection[str], wanted: Collection[str]) -> None:
        end = time.monotonic() + self._timeout
        zone = zone_among(records.name, self._zones)
        if not zone:
            raise DnsError(f"it is in none of dns.zones ({', '.join(self._zones)})")
        current = self._current(records, end)
        check_values(current, ours, wanted)
        gone = [value for value in current if value in ours and value not in wanted]
        new = [value for value in sorted(wanted) if value not in current]
        if not gone and not new:
            return
        update = dns.update.UpdateMessage(zone, keyring=self._key)
        if current:
            update.present(records.name, records.type, *current)
        else:
            update.absent(records.name, records.type)
        for value in gone:
            update.delete(records.name, records.type, value)
        for value in new:
            update.add(records.name, self._ttl, records.type, value)
        self._send(update, f"zone {zone}", end)

    def _current(self, records: Records, end: float) -> list[str]:
        query = dns.message.make_query(records.name, records.type)
        query.flags &= ~dns.flags.RD
        query.use_tsig(self._key)
        answer = self._send(query, f"name {records.name}", end, (dns.rcode.NXDOMAIN,))
        kind = dns.rdatatype.from_text(records.type)
        return [
            rdata.to_text() for rrset in answer.answer for rdata in rrset
            if rrset.rdtype == kind and rrset.name.to_text().lower() == records.name
        ]  # fmt: skip

    def _send(
        self, message: dns.message.Message, what: str, end: float, fine: tuple[int, ...] = ()
    ) -> dns.message.Message:
        left = end - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError("timed out")
            answer = dns.query.tcp(message, self._address, left, self._port)
        except dns.tsig.PeerError as error:
            raise Unreachable(f"{self._where} refuses the key: {_words(error)}") from error
        except dns.exception.FormError as error:
            raise DnsError(f"{self._where} gives no signed answer for {what}: {self._mend}") from error
        except (dns.exception.Timeout, TimeoutError) as error:
            raise Unreachable(f"{self._where} does not answer within {self._timeout:g} s") from error
        except (OSError, EOFError, dns.exception.DNSException) as error:
            raise Unreachable(f"{self._where} cannot be asked: {_words(error)}") from error
        code = answer.rcode()
        if code in (dns.rcode.NOERROR, *fine):
            return answer
        name = dns.rcode.to_text(code)
        if code in _LATER:
            raise DnsError(f"{self._where} answers {name} for {what}")
        raise DnsError(f"{self._where} answers {name} for {what}: {self._mend}")


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _server(text: str) -> tuple[str, int]:
    """Raises `ConfigError`."""
    host, port = text, "53"
    if match := re.fullmatch(r"\[(.+)\](?::(\d+))?|([^:]+):(\d+)", text):
        host, port = match[1] or match[3], match[2] or match[4] or port
    try:
        address = ipaddress.ip_address(host)
        number = int(port)
        if not 0 < number < 65536:
            raise ValueError(f"{number} is not a port")
    except ValueError as error:
        raise ConfigError(
            f"rfc2136.server={text!r}: {error}: write the address of the server, 192.0.2.53 or [2001:db8::53]:5353"
        ) from None
    return str(address), number


def _key(name: str, algorithm: str, secret: str) -> dns.tsig.Key:
    """Raises `ConfigError`; the secret is in no message."""
    if not name or not secret:
        missing = "key_name" if not name else "key_secret"
        raise ConfigError(f"rfc2136.{missing} is not set: write the TSIG key that the server has for Heddle")
    if algorithm not in ALGORITHMS:
        raise ConfigError(f"rfc2136.key_algorithm={algorithm!r}: write one of {', '.join(ALGORITHMS)}")
    try:
        base64.b64decode(secret, validate=True)
        return dns.tsig.Key(name, secret, algorithm)
    except (binascii.Error, ValueError, dns.exception.DNSException):
        raise ConfigError(
            f"rfc2136.key_secret of the key {name!r} is not base64: write the secret as the server's settings have it"
        ) from None


class Rfc2136Driver:
    name = "rfc2136"

    def make(self, settings: Settings) -> Updates:
        return Updates(settings)


DRIVER = Rfc2136Driver()
