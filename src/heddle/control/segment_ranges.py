"""Ranges of segmentation IDs: made, changed, deleted, and what of them a network may get.

A network gets an ID of its project's ranges; when these have none left, or there are none, of the shared ones and of
those in the settings, without what belongs to the ranges of projects.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Sequence

from heddle.control.context import Context
from heddle.errors import BadRequest, Conflict
from heddle.model.resource import Draft
from heddle.model.segment_range import NetworkSegmentRange
from heddle.network_types import registry
from heddle.network_types.base import Candidates, NetworkType, refuse
from heddle.store.engine import Tx
from heddle.store.query import segment_ranges as q

_NAMESPACE = uuid.UUID("5c9c1f0e-7f0c-4b0b-9f53-0a3a6a5b1d11")
# So many free IDs are told of a range at most: one of 32-bit IDs would be an answer of 40 GB.
MOST_TOLD = 100_000


def create_segment_ranges(
    ctx: Context, drafts: Sequence[Draft[NetworkSegmentRange]]
) -> list[NetworkSegmentRange]:
    """Raises `BadRequest`, `Conflict` (NetworkSegmentRangeOverlaps)."""
    q.hold(ctx.tx)
    return [_create(ctx, draft) for draft in drafts]


def _create(ctx: Context, draft: Draft[NetworkSegmentRange]) -> NetworkSegmentRange:
    new = ctx.made(draft.value, is_default=False)
    new.physical_network = new.physical_network or None
    if new.shared:
        if "project_id" in draft.given and new.project_id:
            raise refuse(f"project_id '{new.project_id}' is not allowed for a shared network segment range")
        new.project_id = None
    elif not new.project_id:
        raise refuse("project_id is required for a network segment range that is not shared")
    _check(ctx, new)
    q.SEGMENT_RANGES.insert(ctx.tx, [new])
    return new


def update_segment_range(
    ctx: Context, old: NetworkSegmentRange, draft: Draft[NetworkSegmentRange]
) -> NetworkSegmentRange:
    """Raises `BadRequest`, `Conflict` when IDs in use would be outside."""
    _check_changeable(old)
    q.hold(ctx.tx)
    new = ctx.changed(old, draft.value)
    _check(ctx, new)
    if any(number not in _numbers(new) for number in _referenced(ctx.tx, old)):
        raise _in_use(old)
    q.SEGMENT_RANGES.update(ctx.tx, old, new)
    return new


def delete_segment_range(ctx: Context, found: NetworkSegmentRange) -> None:
    """Raises `BadRequest` for a default one, `Conflict` while networks have IDs of it."""
    _check_changeable(found)
    if _referenced(ctx.tx, found):
        raise _in_use(found)
    q.SEGMENT_RANGES.delete(ctx.tx, found.id)


def describe(tx: Tx, ranges: Sequence[NetworkSegmentRange]) -> None:
    """Fill in which IDs are used and which are free."""
    used = q.used(tx, ranges)
    for each in ranges:
        mine = used.get((each.network_type, each.physical_network), {})
        each.used = {number: project for number, project in mine.items() if number in _numbers(each)}
        each.available = list(itertools.islice((n for n in _numbers(each) if n not in each.used), MOST_TOLD))


def settle_defaults(ctx: Context) -> None:
    """Let the default ranges be those of the settings."""
    wanted = {each.id: each for kind in registry().values() for each in _defaults(ctx, kind)}
    known = {each.id for each in q.defaults(ctx.tx)}
    for id in known - set(wanted):
        q.SEGMENT_RANGES.delete(ctx.tx, id)
    q.SEGMENT_RANGES.insert(ctx.tx, [each for id, each in wanted.items() if id not in known])


def candidates(
    ctx: Context, kind: NetworkType, physical: str | None, project_id: str
) -> list[Sequence[Candidates]]:
    """What a network of a project may get, the better part first."""
    default = kind.candidates(ctx.settings.network, physical)
    if kind.numbers is None:
        return [default]
    ranges = [
        each for each in q.of_type(ctx.tx, kind.name) if physical is None or each.physical_network == physical
    ]
    own = [_candidates(each) for each in ranges if not each.shared and each.project_id == project_id]
    everybodys = [*default, *(_candidates(each) for each in ranges if each.shared)]
    return [own, apart(everybodys, [_candidates(each) for each in ranges if not each.shared])]


def apart(found: Iterable[Candidates], without: Sequence[Candidates]) -> list[Candidates]:
    """The candidates, each ID once, without those of others."""
    kept: list[Candidates] = []
    for each in found:
        parts = [each.numbers or range(0)]
        for other in (*without, *kept):
            if other.physical_network == each.physical_network and other.numbers is not None:
                parts = [piece for part in parts for piece in _cut(part, other.numbers)]
        kept += [Candidates(each.physical_network, part) for part in parts]
    return kept


def _cut(part: range, gone: range) -> list[range]:
    pieces = (range(part.start, min(part.stop, gone.start)), range(max(part.start, gone.stop), part.stop))
    return [piece for piece in pieces if piece]


def _candidates(found: NetworkSegmentRange) -> Candidates:
    return Candidates(found.physical_network, _numbers(found))


def _numbers(found: NetworkSegmentRange) -> range:
    return range(found.minimum, found.maximum + 1)


def _defaults(ctx: Context, kind: NetworkType) -> Iterable[NetworkSegmentRange]:
    for each in kind.candidates(ctx.settings.network, None):
        if each.numbers:
            low, high = each.numbers[0], each.numbers[-1]
            key = f"{kind.name}:{each.physical_network or ''}:{low}:{high}"
            yield NetworkSegmentRange(
                id=str(uuid.uuid5(_NAMESPACE, key)),
                is_default=True,
                network_type=kind.name,
                physical_network=each.physical_network,
                minimum=low,
                maximum=high,
                revision_number=1,
                created_at=ctx.now,
                updated_at=ctx.now,
            )


def _check(ctx: Context, new: NetworkSegmentRange) -> None:
    """The range is one of IDs that there are, apart from the others of its kind.  Raises `BadRequest`, `Conflict`."""
    if not new.network_type:
        raise BadRequest(
            "NetworkSegmentRangeNetTypeNotSupported", "A network segment range needs a network_type: none is given."
        )
    kind = registry()[new.network_type]
    for number in (new.minimum, new.maximum):
        kind.check(ctx.settings.network, new.physical_network, number)
    if new.minimum > new.maximum:
        raise refuse(f"minimum '{new.minimum}' is larger than maximum '{new.maximum}'")
    overlapping = [
        each.id
        for each in q.of_type(ctx.tx, new.network_type)
        if each.id != new.id
        and each.physical_network == new.physical_network
        and each.minimum <= new.maximum
        and new.minimum <= each.maximum
    ]
    if overlapping:
        raise Conflict(
            "NetworkSegmentRangeOverlaps",
            f"The network segment range {new.minimum}-{new.maximum} overlaps with: {', '.join(sorted(overlapping))}",
        )


def _check_changeable(found: NetworkSegmentRange) -> None:
    if found.is_default:
        raise BadRequest(
            "NetworkSegmentRangeDefaultReadOnly",
            f"Network Segment Range {found.id} is a default one, which the settings say: it is not changed or deleted.",
        )


def _referenced(tx: Tx, found: NetworkSegmentRange) -> list[int]:
    """The IDs in use by networks for which the range is."""
    used = q.used(tx, [found]).get((found.network_type, found.physical_network), {})
    return [number for number, project_id in used.items() if found.shared or project_id == found.project_id]


def _in_use(found: NetworkSegmentRange) -> Conflict:
    return Conflict(
        "NetworkSegmentRangeReferencedByProject",
        f"Network Segment Range {found.id} is referenced by networks that have segmentation IDs of it.",
    )
