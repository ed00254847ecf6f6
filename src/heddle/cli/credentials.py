"""The files by which clients find the cloud and prove who they are: clouds.yaml and openrc, for their owner only."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from heddle.config import Settings
from heddle.errors import HeddleError


@dataclass(frozen=True, slots=True)
class Cloud:
    """One entry: who (user, password) where (project) at which cloud."""

    name: str
    auth_url: str
    username: str
    password: str
    project: str
    region: str

    def auth(self) -> dict[str, str]:
        """As keystoneauth wants it."""
        return {
            "auth_url": self.auth_url,
            "username": self.username,
            "password": self.password,
            "project_name": self.project,
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        }


def cloud(settings: Settings, name: str, password: str) -> Cloud:
    """The entry of a user of the same name as the project."""
    return Cloud(name, f"{settings.public_url}/identity/v3", name, password, name, settings.identity.region)


def write_clouds(path: Path, clouds: Iterable[Cloud]) -> None:
    import yaml

    entries = {
        entry.name: {"auth": entry.auth(), "region_name": entry.region, "identity_api_version": "3"} for entry in clouds
    }
    text = "# Written by Heddle: with it, `openstack --os-cloud NAME …` works.\n"
    write_private(path, text + yaml.safe_dump({"clouds": entries}, sort_keys=False))


def read_clouds(path: Path) -> dict[str, Cloud]:
    """The entries of a file that `write_clouds` wrote.  Raises `HeddleError`."""
    import yaml

    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = {}
        for name, entry in tree["clouds"].items():
            auth = entry["auth"]
            found[name] = Cloud(name, auth["auth_url"], auth["username"], auth["password"], auth["project_name"],
                                entry["region_name"])  # fmt: skip
        return found
    except OSError as error:
        raise HeddleError(f"{path}: {error.strerror}; the first `heddle up` writes it") from error
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise HeddleError(f"{path} is not a clouds.yaml that Heddle wrote: {error}") from error


def write_openrc(path: Path, entry: Cloud) -> None:
    """A file to be read by a shell; it also puts this program's folder on the PATH."""
    names = {"OS_" + key.upper(): value for key, value in entry.auth().items()}
    names |= {"OS_REGION_NAME": entry.region, "OS_IDENTITY_API_VERSION": "3", "OS_AUTH_TYPE": "password"}
    lines = ["# Written by Heddle: read it with `. ./" + path.name + "`, then `openstack …` works.", "unset OS_CLOUD"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in names.items()]
    programs = shlex.quote(str(Path(sys.executable).parent))
    lines.append(f'case ":$PATH:" in *:{programs}:*) ;; *) PATH={programs}:$PATH; export PATH ;; esac')
    write_private(path, "\n".join(lines) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all; it is on the disk when this returns."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
