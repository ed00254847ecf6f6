"""Who sent a message, where a broker stands between: a seal of HMAC-SHA-256 (RFC 2104) with the secret of a host.

Each host has a secret of its own, made by `heddle host add`.  A call is sealed together with all that it means: the
host, the method, where its answer goes; the answer together with the call that it answers.  So a host can
speak for itself alone, whatever else its account at the broker permits, and no secret ever travels.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterable


def seal(key: str, parts: Iterable[str], body: bytes) -> str:
    """The seal of a message, in hex.  The parts are told apart by their lengths; whatever text they are has a seal."""
    made = hmac.new(key.encode(), digestmod="sha256")
    for part in parts:
        encoded = part.encode(errors="surrogatepass")
        made.update(struct.pack("!I", len(encoded)) + encoded)
    made.update(body)
    return made.hexdigest()


def holds(key: str, found: str, parts: Iterable[str], body: bytes) -> bool:
    """Whether a message bears the seal of this key; `found` may be anything that somebody wrote in its place."""
    return bool(key) and hmac.compare_digest(seal(key, parts, body).encode(), found.encode(errors="surrogatepass"))
