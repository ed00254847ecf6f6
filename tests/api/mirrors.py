"""What the agent of a host knows of a cloud."""

from __future__ import annotations

from tests.api.conftest import Cloud

from heddle.agent.mirror import Mirror
from heddle.control import sync
from heddle.view.compile import Compiler
from heddle.view.types import FetchRequest


def mirror_of(cloud: Cloud, host: str) -> Mirror:
    """After two questions: the first answer names scopes to ask for."""
    mirror = Mirror()
    for _ in range(2):
        known = sorted(mirror.scopes)
        mirror.apply(sync.fetch(cloud.store, Compiler(), FetchRequest(host=host, scopes=known)))
    return mirror
