"""IPv6 frames of a test's own making, in hex."""

from __future__ import annotations

from ipaddress import ip_address

from tests.fakes.objects import mac
from tests.real.traffic import bare

EVERYBODY = ("ff02::1", "33:33:00:00:00:01")
UDP, ICMPV6, FRAGMENT, OPTIONS = 17, 58, 44, 60
ROUTER, SOLICIT, ADVERT, REDIRECT, ECHO = 134, 135, 136, 137, 128


def ip6(number: int) -> str:
    return f"2001:db8::{number:x}"


def link_local(number: int) -> str:
    """The address that a guest makes of its MAC address (RFC 4291)."""
    return f"fe80::f816:3eff:fe{number >> 16 & 255:02x}:{number & 0xFFFF:x}"


def hexed(address: str) -> str:
    return ip_address(address).packed.hex()


def icmp6(source: str, kind: int, body: str, target: str = EVERYBODY[0]) -> str:
    """An ICMPv6 message; `body` (hex) is what follows the checksum."""
    return _summed(source, target, ICMPV6, f"{kind:02x}000000{body}", 4)


def udp6(source: str, target: str, ports: tuple[int, int], payload: str) -> str:
    """A UDP datagram; `payload` in hex."""
    length = 8 + len(payload) // 2
    return _summed(source, target, UDP, f"{ports[0]:04x}{ports[1]:04x}{length:04x}0000{payload}", 12)


def packet(sender: str, source: str, protocol: int, body: str, target: tuple[str, str] = EVERYBODY) -> str:
    """A frame from a MAC address to `target` (address and MAC address); `protocol`: of what `body` begins with."""
    head = f"60000000{len(body) // 2:04x}{protocol:02x}ff{hexed(source)}{hexed(target[0])}"
    return bare(target[1]) + bare(sender) + "86dd" + head + body


def frame(sender: int, source: str, kind: int, body: str, target: tuple[str, str] = EVERYBODY) -> str:
    """An ICMPv6 frame from a guest."""
    return packet(mac(sender), source, ICMPV6, icmp6(source, kind, body, target[0]), target)


def behind_options(protocol: int, body: str) -> str:
    """The same message behind a header with destination options, of which there are none."""
    return f"{protocol:02x}00010400000000{body}"


def fragments(protocol: int, body: str, first: int = 8) -> tuple[str, str]:
    """The same message in two: `first` bytes, a multiple of 8, and the rest."""
    head, rest = body[: 2 * first], body[2 * first :]
    return f"{protocol:02x}000001000000aa{head}", f"{protocol:02x}00{first:04x}000000aa{rest}"


def _summed(source: str, target: str, protocol: int, text: str, place: int) -> str:
    """The message with its checksum (RFC 8200, 8.1) at `place`, which counts hexadecimal digits."""
    data = bytes.fromhex(hexed(source) + hexed(target) + f"{len(text) // 2:08x}{protocol:08x}" + text)
    total = sum(int.from_bytes((data + b"\0")[at : at + 2]) for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return text[:place] + f"{~total & 0xFFFF:04x}" + text[place + 4 :]
