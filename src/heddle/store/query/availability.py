"""Networks, as their use of addresses is told of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from heddle.model.availability import NetworkIpAvailability
from heddle.store import tables as t
from heddle.store.query.records import Clause, Records

_n, _s = t.networks.c, t.subnets.c


def _ip_version(values: Sequence[Any]) -> Clause:
    return _n.id.in_(sa.select(_s.network_id).where(_s.ip_version.in_(list(values))))


AVAILABILITIES: Records[NetworkIpAvailability] = Records(
    NetworkIpAvailability, t.networks, filters={"ip_version": _ip_version}
)
