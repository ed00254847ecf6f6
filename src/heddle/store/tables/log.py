"""Logs of packets."""

from __future__ import annotations

from heddle.model.log import Log
from heddle.store.tables.kit import table_for

logs = table_for(Log)
