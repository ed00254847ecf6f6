"""Claiming segments: the one that is asked for, or a free one of its type.

Two networks never have the same segment: a claim is a row with a unique key.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from heddle.control import segment_ranges
from heddle.control.context import Context
from heddle.errors import Conflict, Unavailable
from heddle.model.network import Network
from heddle.model.segment import Segment, Segmentation
from heddle.network_types import registry
from heddle.network_types.base import Candidates, NetworkType, refuse, segment_key
from heddle.store.query import segments as q

_TRIES = 64


def reserve(ctx: Context, network: Network, asked: Segmentation) -> Segmentation:
    """Claim a segment for a network; of its parts only the type must be said.

    Raises `BadRequest`, `Conflict` for one that is in use, `Unavailable` when none is free.
    """
    kind = _kind(asked)
    physical, number = asked.physical_network or None, asked.segmentation_id
    kind.check(ctx.settings.network, physical, number)
    if not is_complete(asked):
        found = _claim_any(ctx, network, kind, physical)
        if found is None:
            raise Unavailable(
                "NoNetworkAvailable",
                f"Unable to create the network. No {kind.name} segment is available for allocation.",
            )
        return found
    key = segment_key(kind.name, physical, number, network.id)
    if not q.claim(ctx.tx, key, network.id):
        raise _in_use(kind.name, physical, number)
    return Segmentation(kind.name, physical, number)


def reserve_any(ctx: Context, network: Network) -> Segmentation:
    """Claim a segment of the first of the cloud's tenant types that has a free one.  Raises `Unavailable`."""
    for name in ctx.settings.network.tenant_types:
        found = _claim_any(ctx, network, registry()[name], None)
        if found is not None:
            return found
    raise Unavailable(
        "NoNetworkAvailable", "Unable to create the network. No tenant network is available for allocation."
    )


def release(ctx: Context, segment: Segment) -> None:
    key = segment_key(segment.network_type, segment.physical_network, segment.segmentation_id, segment.network_id)
    q.release(ctx.tx, key)


def is_complete(asked: Segmentation) -> bool:
    """Whether nothing of the segment is left to choose."""
    return asked.segmentation_id is not None or asked.network_type in ("local", "flat")


def _kind(asked: Segmentation) -> NetworkType:
    if not asked.network_type:
        raise refuse("provider:network_type is required when other provider attributes are given")
    kind = registry().get(asked.network_type)
    if kind is None:
        raise refuse(
            f"network_type value '{asked.network_type}' is not supported: there are {', '.join(sorted(registry()))}"
        )
    return kind


def _claim_any(ctx: Context, network: Network, kind: NetworkType, physical: str | None) -> Segmentation | None:
    """Claim a free segment of the type, best one that is for the network's project."""
    for candidates in segment_ranges.candidates(ctx, kind, physical, network.project_id):
        found = _claim_one(ctx, network.id, kind, candidates)
        if found is not None:
            return found
    return None


def _claim_one(
    ctx: Context, network_id: str, kind: NetworkType, candidates: Sequence[Candidates]
) -> Segmentation | None:
    """Claim one of the candidates: a random one, so that two requests seldom want the same."""
    count = sum(len(each) for each in candidates)
    few = range(count) if count <= _TRIES else random.sample(range(count), _TRIES)
    for places in (few, range(count)):
        for start in range(0, len(places), 500):
            chosen = [_candidate(candidates, place) for place in places[start : start + 500]]
            part = {segment_key(kind.name, *segment, network_id): segment for segment in chosen}
            taken = q.claimed(ctx.tx, part)
            free = [key for key in part if key not in taken]
            if free and q.claim(ctx.tx, free[0], network_id):
                return Segmentation(kind.name, *part[free[0]])
    return None


def _candidate(candidates: Sequence[Candidates], place: int) -> tuple[str | None, int | None]:
    """The segment at a place of them all."""
    for each in candidates:
        if place < len(each):
            return each.at(place)
        place -= len(each)
    raise IndexError(place)


def _in_use(name: str, physical: str | None, number: int | None) -> Conflict:
    if name == "vlan":
        return Conflict(
            "VlanIdInUse", f"Unable to create the network. The VLAN {number} on physical network {physical} is in use."
        )
    if name == "flat":
        return Conflict(
            "FlatNetworkInUse", f"Unable to create the flat network. Physical network {physical} is in use."
        )
    if name == "local":
        return Conflict("LocalSegmentInUse", "Unable to create the segment. The network has a local segment already.")
    return Conflict("TunnelIdInUse", f"Unable to create the network. The tunnel ID {number} is in use.")
