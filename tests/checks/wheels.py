"""Wheels of Heddle, built from this checkout, and of releases to come that are made of it by changing the source."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from heddle import __version__
from heddle.store import migrate

ROOT = Path(__file__).parents[2]
NEXT = "0.2.0"
REVISION = f"{int(migrate.HEAD) + 1:04}"
MIGRATION = """\
from alembic import op

revision = "{revision}"
down_revision = "{head}"


def upgrade() -> None:
    {body}
"""


@dataclass
class Source:
    """A copy of the source, to be changed and built."""

    folder: Path

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.folder / "src" / "heddle" / file
        text = path.read_text()
        assert old in text, f"{file} has no {old!r} any more"
        path.write_text(text.replace(old, new))

    def release(self, version: str) -> None:
        self.replace("__init__.py", f'"{__version__}"', f'"{version}"')
        self.project(f'version = "{__version__}"', f'version = "{version}"')

    def project(self, old: str, new: str) -> None:
        path = self.folder / "pyproject.toml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def migration(self, body: str) -> None:
        """One more, as the last."""
        path = self.folder / "src/heddle/store/migrate.py"
        text = re.sub(rf'^(HEAD|EXPANDED) = "{migrate.HEAD}"', rf'\1 = "{REVISION}"', path.read_text(), flags=re.M)
        assert REVISION in text
        path.write_text(text)
        step = MIGRATION.format(revision=REVISION, head=migrate.HEAD, body=body)
        (path.parent / "migrations" / "versions" / f"{REVISION}_next.py").write_text(step)

    def wheel(self) -> Path:
        """Built as its project file says; nothing is fetched."""
        build = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
        out = self.folder / "dist"
        shutil.rmtree(self.folder / "build", ignore_errors=True)
        done = subprocess.run([sys.executable, "-c", build, out], cwd=self.folder, capture_output=True, text=True,
                              check=True)  # fmt: skip
        return out / done.stdout.split()[-1]


def source(folder: Path) -> Source:
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return Source(folder)


def next_release(folder: Path) -> Source:
    """One in which much is changed: settings, rules, and the schema."""
    made = source(folder)
    made.release(NEXT)
    made.replace("config.py", "    max_host_routes: int = 20\n", "")
    made.replace("config.py", "    max_dns_nameservers: int = 5\n", "")
    made.replace("config.py", "audit_seconds: float = 4.0", "look_seconds: float = 5.0")
    made.replace("config.py", "report_seconds: float = 15.0", "report_seconds: float = 20.0")
    made.replace("config.py", "threads: int = 8", "threads: int = 16")
    made.replace(
        "former_settings.py", "FORMER: tuple[Former, ...] = ()",
        f"""FORMER: tuple[Former, ...] = (
            Former("network.max_host_routes", "{NEXT}", instead="Set quota.port instead."),
            Former("agent.audit_seconds", "{NEXT}", now="agent.look_seconds"),
        )""",
    )  # fmt: skip
    made.replace("api/policy_rules/__init__.py", "    return found\n", '    del found["get_agent"]\n    return found\n')
    made.migration('op.execute("ALTER TABLE hosts DROP COLUMN latencies")')
    return made
