"""Two servers on one database, each with a state folder of its own, as on two machines."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import msgspec
from tests.api.conftest import build
from tests.engines.servers import engine_name
from tests.fakes.client import Client

from heddle.api.server import make_app
from heddle.store import backup


def test_a_token_of_one_server_is_good_at_the_other(tmp_path: Path) -> None:
    cloud = build(tmp_path)
    try:
        mine = cloud.admin.client
        assert mine.get("/v2.0/networks").status == 200
        paths = msgspec.structs.replace(cloud.settings.paths, state=str(tmp_path / "elsewhere"))
        other = make_app(msgspec.structs.replace(cloud.settings, paths=paths), cloud.store)
        # SQLite is on one machine, and keeps its keys in files of its folder.
        expected = 401 if engine_name() == "sqlite" else 200
        assert Client(other, mine.token).get("/v2.0/networks").status == expected
        again = make_app(cloud.settings, cloud.store)
        assert Client(again, mine.token).get("/v2.0/networks").status == 200
    finally:
        cloud.close()


def test_a_backup_holds_no_keys(tmp_path: Path) -> None:
    cloud = build(tmp_path)
    try:
        file = io.BytesIO()
        header = backup.write(cloud.store, file, "2026-01-31T00:00:00Z", lambda *_: None)
        text = gzip.decompress(file.getvalue()).decode()
        assert "token_keys" not in header.rows and "token_keys" not in text and '"table":"users"' in text
    finally:
        cloud.close()
