"""geneve: a tunnel with a 24-bit VNI (RFC 8926): 30 bytes of encapsulation without options, and the outer IP header."""

from __future__ import annotations

from heddle.network_types.base import Tunnel

TYPE = Tunnel("geneve", {4: 50, 6: 70}, range(1, 2**24), lambda settings: settings.geneve_ranges)
