"""Who the demo is: the administrator and the tenants blue and red, with their passwords and files."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from heddle.cli.credentials import Cloud, cloud, read_clouds, write_clouds, write_openrc, write_private
from heddle.cli.demo.progress import DemoFailed
from heddle.cli.layout import Layout

TENANTS = ("blue", "red")


class Access:
    """Passwords of tenants are made once and kept in the host folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._passwords = layout.host / "demo.json"
        self.clouds: dict[str, Cloud] = {"admin": read_clouds(layout.state / "clouds.yaml")["admin"]}
        known = self._known()
        for tenant in TENANTS:
            password = known.setdefault(tenant, secrets.token_urlsafe(15))
            self.clouds[tenant] = cloud(layout.settings, tenant, password)
        write_private(self._passwords, json.dumps(known) + "\n")

    def connect(self, name: str) -> Any:
        """A connection of openstacksdk.  Raises `DemoFailed`."""
        import openstack
        from keystoneauth1.exceptions import ClientException

        entry = self.clouds[name]
        connection = openstack.connect(
            load_yaml_config=False, load_envvars=False, auth_type="password", auth=entry.auth(),
            region_name=entry.region,
        )  # fmt: skip
        try:
            connection.authorize()
        except (openstack.exceptions.SDKException, ClientException) as error:
            raise DemoFailed(
                f"{name} cannot log in at {entry.auth_url}: {error}. Look at `heddle status` and "
                f"{self._layout.log_file('server')}; `make down` and `make demo` start from nothing."
            ) from error
        return connection

    def write_files(self, folder: Path) -> list[Path]:
        """clouds.yaml and an openrc file for each; they are recorded so that `heddle down` removes them."""
        clouds_file = folder / "clouds.yaml"
        if clouds_file.exists() and str(clouds_file) not in self._layout.recorded()["files"]:
            raise DemoFailed(f"{clouds_file} exists and was not written by Heddle: move it, or run the demo elsewhere")
        files = [clouds_file, *(folder / f"openrc-{name}" for name in self.clouds)]
        self._layout.record(files=files)
        write_clouds(clouds_file, self.clouds.values())
        for name, entry in self.clouds.items():
            write_openrc(folder / f"openrc-{name}", entry)
        return files

    def _known(self) -> dict[str, str]:
        try:
            return dict(json.loads(self._passwords.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}
