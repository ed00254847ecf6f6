"""What is drawn at random, drawn from a seed: the same requests to the same cloud give the same ids, every time.

Each step has a seed of its own, so a step gives the same ids whichever of the others are left out.
"""

from __future__ import annotations

import contextlib
import random
import secrets
import uuid
from collections.abc import Iterator
from unittest import mock


class Source:
    """Where ids, keys and choices come from while `determined` runs."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.step(0)

    def step(self, number: int) -> None:
        """From now on what is drawn follows from the seed and this number."""
        self._random = random.Random(f"{self._seed}/{number}")
        random.seed(f"{self._seed}/{number}/choices")

    def uuid4(self) -> uuid.UUID:
        return uuid.UUID(int=self._random.getrandbits(128), version=4)

    def token_bytes(self, count: int | None = None) -> bytes:
        return self._random.randbytes(32 if count is None else count)


@contextlib.contextmanager
def determined(seed: int) -> Iterator[Source]:
    source = Source(seed)
    with (
        mock.patch.object(uuid, "uuid4", source.uuid4),
        mock.patch.object(secrets, "token_bytes", source.token_bytes),
    ):
        yield source
