"""From root to the server's user."""

from __future__ import annotations

import os
from pathlib import Path

from heddle.config import Settings


def drop_privileges(settings: Settings, parent: int) -> None:
    """Become the server's user; end with `parent` where there is one."""
    from heddle.host import process

    if os.geteuid() == 0 and settings.server.user and settings.server.user != "root":
        folders = (settings.paths.state, settings.paths.run, settings.paths.log)
        process.reveal(Path(folder) for folder in folders)
        process.become(settings.server.user)
    if parent:
        process.die_with(parent)
