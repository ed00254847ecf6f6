"""Tempest in an environment and a folder of its own: which tests there are, and a run of them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.conformance import report
from tests.real.testhost import TestHost

TEMPEST = Path(__file__).resolve().parents[2] / ".tempest" / "bin"
SUITES = r"^(tempest\.api\.network|neutron_tempest_plugin\.api)\."


def workspace(folder: Path) -> None:
    """What stestr needs: where tests are found, and that those of a class stay together."""
    find = [str(TEMPEST / "python"), "-c", "import tempest, os; print(os.path.dirname(tempest.__file__))"]
    place = subprocess.run(find, capture_output=True, text=True, check=True).stdout.strip()
    text = f"[DEFAULT]\ntest_path={place}/test_discover\ntop_dir={Path(place).parent}\ngroup_regex=([^\\.]*\\.)*\n"
    (folder / ".stestr.conf").write_text(text, encoding="utf-8")
    (folder / "locks").mkdir()
    subprocess.run([str(TEMPEST / "stestr"), "init"], cwd=folder, check=True, capture_output=True)


def chosen(folder: Path, regex: str) -> list[str]:
    """The tests whose names match, as stestr names them: with their attributes in brackets."""
    command = [str(TEMPEST / "stestr"), "list", regex]
    done = subprocess.run(command, cwd=folder, env=_environment(folder), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"the tests cannot be listed: {done.stdout}{done.stderr}"
    return [line for line in done.stdout.split() if re.search(SUITES, line)]


def run_tests(
    host: TestHost, folder: Path, names: Sequence[str], workers: int, extra: Mapping[str, str] | None = None
) -> list[report.Result]:
    """Run the tests inside the host's namespaces; `extra` are environment variables."""
    listing = folder / "tests.txt"
    listing.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    results = folder / "results.jsonl"
    script = f"cd {folder} && exec stestr run --subunit --concurrency {workers} --load-list {listing} 2>stestr.err"
    environment = [f"{key}={value}" for key, value in {**_environment(folder), **(extra or {})}.items()]
    tests = host.popen("env", "-i", *environment, "sh", "-c", script, stdout=subprocess.PIPE)
    convert = [TEMPEST / "python", Path(__file__).with_name("convert.py"), results, str(len(names))]
    subprocess.run(convert, stdin=tests.stdout, check=True)
    tests.wait()
    return report.read(results)


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": f"{TEMPEST}:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(folder), "TEMPEST_CONFIG_DIR": str(folder),
            "TEMPEST_CONFIG": "tempest.conf", "OS_TEST_TIMEOUT": "300", "PYTHONWARNINGS": "ignore"}  # fmt: skip
