"""vxlan: a tunnel with a 24-bit VNI (RFC 7348): 30 bytes of encapsulation and the outer IP header."""

from __future__ import annotations

from heddle.network_types.base import Tunnel

TYPE = Tunnel("vxlan", {4: 50, 6: 70}, range(1, 2**24), lambda settings: settings.vxlan_ranges)
