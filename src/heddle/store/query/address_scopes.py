"""Address scopes."""

from __future__ import annotations

from heddle.model.address_scope import AddressScope
from heddle.store import tables as t
from heddle.store.query.records import Records

ADDRESS_SCOPES: Records[AddressScope] = Records(AddressScope, t.address_scopes)
