"""Structs are worked out before threads use them."""

from __future__ import annotations

import msgspec

from heddle.model.port import Port
from heddle.structs import make_ready
from heddle.view.types import ReportRequest


def test_all_structs_are_found() -> None:
    assert issubclass(Port, msgspec.Struct) and issubclass(ReportRequest, msgspec.Struct)
    assert make_ready() > 20
