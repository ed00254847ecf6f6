"""The tests of `rulesets.py`, in namespaces of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.real import rulesets

NFT = f"""#!/bin/sh
{{nft}} "$@" || exit
[ "$1" = -f ] && [ -s {rulesets.HAND} ] || exit 0
hand=$(head -n 1 {rulesets.HAND}); sed -i 1d {rulesets.HAND}
{{nft}} "$hand"
"""


def test_a_change_by_hand_in_the_moment_of_ours(tmp_path: Path) -> None:
    program = tmp_path / "nft"
    program.write_text(NFT.format(nft=shutil.which("nft")))
    program.chmod(0o755)
    command = f"mount -t tmpfs tmpfs /run && exec {sys.executable} -m pytest -q -p no:cacheprovider {rulesets.__file__}"
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["unshare", "-n", "-m", "sh", "-ec", command], env=environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout
