"""What `.ci/run` says at its end, and `scripts/failures.py` of what runs of pytest wrote."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
TESTS = '''
import logging
import pytest

@pytest.fixture
def cloud():
    raise RuntimeError("no host is there")

def test_passes():
    print("FAILED test_of_another_run")

class TestPorts:
    @pytest.mark.parametrize("address", ["fd00::1", "10.0.0.1"])
    def test_address(self, address):
        logging.getLogger("heddle").error("a line of the program")
        for number in range(300):
            print(f"line {number} of a log")
        assert address == "10.0.0.1", "this address, whose reason is far longer than the eighty columns of a summary"

def test_has_a_cloud(cloud):
    pass

@pytest.mark.parametrize("number", range(30))
def test_many(number):
    assert number < 0
'''  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of these tests."""
    folder = tmp_path_factory.mktemp("tests")
    (folder / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-ra", "-c", "/dev/null", "--rootdir", folder, "test_it.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def told(folder: Path, **outputs: str) -> list[str]:
    for step, output in outputs.items():
        (folder / step).write_text(output)
    command = [sys.executable, HERE / "scripts/failures.py", folder, *outputs]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()


def test_the_failed_tests_have_their_reasons(report: str, tmp_path: Path) -> None:
    found = [line for line in told(tmp_path, cluster=report) if line.startswith("cluster: ")]
    errors = [line for line in found if " ERROR " in line]
    assert errors == ["cluster: ERROR test_it.py::test_has_a_cloud - RuntimeError: no host is there"]
    address = next(line for line in found if "fd00::1" in line)
    assert address.endswith("test_address[fd00::1] - AssertionError: this address, whose reason is far longer than the "
                            "eighty columns of a summary")  # fmt: skip
    assert "of_another_run" not in "".join(found) and "a line of the program" not in "".join(found)
    assert len(found) == 21 and found[-1] == "cluster: and 12 more"


def test_the_first_failure_is_there_with_what_is_wrong_and_its_last_lines(report: str, tmp_path: Path) -> None:
    only = re.sub(r"(?s)=+ ERRORS =+.*?(?==+ FAILURES)", "", report)
    found = told(tmp_path, cluster=only)
    end = found[1 : next(number for number, line in enumerate(found) if line.startswith("cluster: "))]
    assert len(end) == 60 and "TestPorts.test_address[fd00::1]" in end[0]
    assert end[1].startswith("E ") and "this address" in end[1]
    assert "line 299 of a log" in end and "line 100 of a log" not in end
    assert "a line of the program" in end[-1]


def test_runs_beside_each_other_are_told_apart(report: str, tmp_path: Path) -> None:
    lines = report.splitlines()
    both = "\n".join(f"mariadb: {line}\npostgresql: {line}" for line in lines)
    found = told(tmp_path, engines=both)
    assert found[0] == "--- engines: the end of its first failure (mariadb)"
    assert "engines: mariadb: ERROR test_it.py::test_has_a_cloud - RuntimeError: no host is there" in found
    few = "\n".join(line for line in both.splitlines() if "test_many" not in line)
    error = "engines: postgresql: ERROR test_it.py::test_has_a_cloud - RuntimeError: no host is there"
    assert error in told(tmp_path, engines=few) and error not in found


def test_the_suites_of_others(tmp_path: Path) -> None:
    output = "FAILED tempest.api.network.test_x\n       Conflict: 409\n1 passed, 1 failed, 0 skipped in 2.0 s\n"
    assert told(tmp_path, conformance=output)[-1] == "conformance: FAILED tempest.api.network.test_x - Conflict: 409"


def test_a_step_without_tests_shows_its_end(tmp_path: Path) -> None:
    found = told(tmp_path, soak="".join(f"round {number}\n" for number in range(100)) + "x" * 5000)
    assert found[0] == "--- soak: the end of its output" and found[1] == "round 41" and len(found[-2]) == 200
    assert found[-1] == "soak: failed, and names no test"


def ended(folder: Path, cluster: str) -> subprocess.CompletedProcess[str]:
    """CI in a folder whose steps do next to nothing; `cluster` is that one's command."""
    for name in (".ci/run", "scripts/failures.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy2(HERE / name, folder / name)
    program = folder / ".venv/bin/heddle"
    program.parent.mkdir(parents=True)
    program.symlink_to("/bin/true")
    rules = {"test": "@echo '3 passed in 1.00s'", "test-cluster": cluster}
    targets = ("demo", "down", "test", "conformance", "test-engines", "test-cluster", "soak")
    (folder / "Makefile").write_text("".join(f"{name}:\n\t{rules.get(name, '@true')}\n" for name in targets))
    return subprocess.run([folder / ".ci/run"], capture_output=True, text=True, timeout=100, check=False)


def test_all_is_well(tmp_path: Path) -> None:
    done = ended(tmp_path, "@echo 'rabbitmq: 2 passed in 1.00s'")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-2:] == ["cluster: rabbitmq: 2 passed in 1.00s", "3 passed in 1.00s"]


def test_a_failed_test_is_named_at_the_end(report: str, tmp_path: Path) -> None:
    (tmp_path / "report").write_text("".join(f"rabbitmq: {line}\n" for line in report.splitlines()))
    done = ended(tmp_path, "@cat report; false")
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and lines[-1] == "3 passed in 1.00s"
    assert lines[-3] == "failed: cluster"
    assert lines[-2].startswith("cluster: rabbitmq: 31 failed, 2 passed, 1 error in ")
    assert "cluster: rabbitmq: ERROR test_it.py::test_has_a_cloud - RuntimeError: no host is there" in lines[-26:]
