"""What the handlers work with: made once when the server starts."""

from __future__ import annotations

from dataclasses import dataclass

from heddle.api.auth import Authenticator
from heddle.api.counts import Counts
from heddle.api.policy import Policy
from heddle.api.ready import Readiness
from heddle.config import Settings
from heddle.store.engine import Store


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    store: Store
    policy: Policy
    auth: Authenticator
    ready: Readiness
    counts: Counts
