"""gre: a tunnel with a 32-bit key (RFC 2784, RFC 2890): 22 bytes of encapsulation and the outer IP header."""

from __future__ import annotations

from heddle.network_types.base import Tunnel

TYPE = Tunnel("gre", {4: 42, 6: 62}, range(1, 2**32), lambda settings: settings.gre_ranges)
