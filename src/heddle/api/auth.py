"""Who calls: from a token to a `Caller`.

The rest of `api/` knows this interface only, so that tokens of the embedded identity service and those of
a Keystone that exists elsewhere are the same to it.
"""

from __future__ import annotations

from typing import Protocol

from heddle.model.caller import Caller


class Authenticator(Protocol):
    def authenticate(self, token: str) -> Caller:
        """Who the token stands for, at this moment.  Raises `Unauthorized`, `Unavailable`."""
        ...
