"""The settings of the DNS integration: `[dns]` for every driver, and a section for each driver that Heddle brings.

A driver of another package has its own in `[dns] options`, as "name=value".  The secrets are `rfc2136.key_secret` and
`designate.password`: they are in no message and no log.
"""

from __future__ import annotations

import msgspec

from heddle.errors import ConfigError

LONGEST_TIMEOUT = 6.0


class Dns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`driver`: empty for none, "rfc2136", "designate", or one of another package.

    `zones`: the zones that may be written to, names of addresses (in-addr.arpa, ip6.arpa) among them, each with a dot
    at its end; empty with Designate: those that the project of the port or floating IP has there.  `ttl` in seconds;
    `timeout`: the most seconds that a change of one record may take.
    """

    driver: str = ""
    zones: tuple[str, ...] = ()
    ttl: int = 300
    timeout: float = 5.0
    options: tuple[str, ...] = ()


class Rfc2136(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Dynamic updates.  `server`: the address of the zones' primary, "192.0.2.53" or "[2001:db8::53]:5353".

    `key_name` and `key_secret` (in base64) are the TSIG key, `key_algorithm` "hmac-sha256", "hmac-sha512", …
    """

    server: str = ""
    key_name: str = ""
    key_algorithm: str = "hmac-sha256"
    key_secret: str = ""


class Designate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """OpenStack's DNS service, by names that its own users know.

    `url` with its version, "http://192.0.2.240:9001/v2"; `auth_url` that of the identity service, whose user may act
    for other projects there (Designate's rule use_sudo).  With `allow_reverse_dns_lookup`, names of addresses go into
    zones of these prefixes, made in the project `project_name` where they are missing, with the address of mail
    `ptr_zone_email`.  `cafile`: empty for the system's authorities.
    """

    url: str = ""
    auth_url: str = ""
    username: str = ""
    password: str = ""
    project_name: str = "service"
    user_domain_name: str = "Default"
    project_domain_name: str = "Default"
    allow_reverse_dns_lookup: bool = True
    ipv4_ptr_zone_prefix_size: int = 24
    ipv6_ptr_zone_prefix_size: int = 120
    ptr_zone_email: str = ""
    cafile: str = ""


def check(dns: Dns) -> None:
    """What holds for every driver.  Raises `ConfigError`."""
    for zone in dns.zones:
        if not zone.endswith(".") or " " in zone or zone == ".":
            raise ConfigError(f"dns.zones: {zone!r} is not a zone: write its name with a dot at the end, example.org.")
    if not 0 < dns.ttl < 2**31:
        raise ConfigError(f"dns.ttl={dns.ttl}: write seconds, 1 to {2**31 - 1}")
    if not 0 < dns.timeout <= LONGEST_TIMEOUT:
        raise ConfigError(f"dns.timeout={dns.timeout}: write seconds, at most {LONGEST_TIMEOUT:g}")
