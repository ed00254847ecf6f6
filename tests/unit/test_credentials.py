"""clouds.yaml and openrc: what is written is read back, by us and by a shell, whatever is in the password."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heddle.cli.credentials import Cloud, cloud, read_clouds, write_clouds, write_openrc
from heddle.config import Server, Settings
from heddle.errors import HeddleError

PASSWORDS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs"]), min_size=1)


def entry(password: str = "p") -> Cloud:
    return cloud(Settings(server=Server(port=1234)), "blue", password)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(password=PASSWORDS)
def test_clouds_are_read_back(tmp_path: Path, password: str) -> None:
    file = tmp_path / "clouds.yaml"
    write_clouds(file, [entry(password), cloud(Settings(), "red", "r")])
    assert read_clouds(file)["blue"] == entry(password)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["clouds.yaml"]


@pytest.mark.parametrize("password", ["plain", "it's", 'a"b', "$HOME `id` \\", "ends with space ", "#x;y|z&"])
def test_a_shell_reads_an_openrc(tmp_path: Path, password: str) -> None:
    file = tmp_path / "openrc-blue"
    write_openrc(file, entry(password))
    shown = '"$OS_PASSWORD" "$OS_AUTH_URL" "${OS_CLOUD-none}" "$PATH"'
    script = f'OS_CLOUD=red; . {file}; . {file}; printf "%s\\n" {shown}'
    said = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True).stdout.split("\n")
    assert said[:3] == [password, "http://127.0.0.1:1234/identity/v3", "none"]
    assert said[3].split(":").count(str(Path(sys.executable).parent)) == 1


@pytest.mark.parametrize("content", ["", "[", "clouds: 3", "clouds: {blue: {}}"])
def test_another_file_is_refused_with_its_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text(content)
    with pytest.raises(HeddleError, match=r"clouds\.yaml"):
        read_clouds(file)
