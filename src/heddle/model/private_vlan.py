"""Private VLANs (RFC 5517): which ports of a network meet on layer 2 (Networking API v2.0, extension `pvlan`)."""

from __future__ import annotations

import re
from typing import Any

from heddle.model.fields import Invalid, OneOf, Text, quote

PROMISCUOUS, ISOLATED, COMMUNITY = "promiscuous", "isolated", "community"
TYPE = OneOf(ISOLATED, PROMISCUOUS, COMMUNITY, nullable=True)


class CommunityName(Text):
    """Letters, digits, dots and underscores, of which the first is no digit."""

    _FORM = re.compile(r"[a-zA-Z_.][a-zA-Z_.0-9]*")

    def __init__(self) -> None:
        super().__init__(232, nullable=True)

    def check(self, value: Any) -> str:
        name = super().check(value)
        if not self._FORM.fullmatch(name):
            raise Invalid(
                f"{quote(value)} is not a valid name of a community: letters, digits, dots and underscores, not "
                "beginning with a digit"
            )
        return name

    def from_query(self, text: str) -> str:
        return text

    def shape(self) -> dict[str, Any]:
        return {"type": "string", "maxLength": self.length, "pattern": f"^{self._FORM.pattern}$"}
