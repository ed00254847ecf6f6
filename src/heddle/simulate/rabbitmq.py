"""A RabbitMQ of one's own, on a port of its own of the loopback, in a process namespace of its own.

`RabbitMq` starts one, `stop` and `kill` end it, `start` brings it back with what its disk has.  All of it (the Erlang
machine, its port mapper) ends with the first process of the namespace.  Two accounts with generated passwords:
"server", and "agent" with the rights that the docs give to agents.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from heddle.errors import HeddleError

PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
START_SECONDS = 180.0
# (configure, write, read), as docs/deploy.md has them.
RIGHTS = {
    "server": (r"^heddle\..*", r"^(heddle\..*|amq\.default)$", r"^heddle\..*"),
    "agent": (
        r"^heddle\.(agent\..*|wake|call)$", r"^heddle\.(agent\..*|call)$", r"^heddle\.(agent\..*|wake)$"
    ),
}  # fmt: skip


class RabbitMq:
    """`address` and `port` of the listener; `url(user)` what `bus.url` is for that account.

    Raises `HeddleError` where RabbitMQ is not installed, and when it does not start.
    """

    def __init__(
        self, address: str = "127.0.0.1", enter: tuple[str, ...] = (), certificates: Path | None = None,
        memory_mb: int = 512, management: bool = False, joins: RabbitMq | None = None,
    ) -> None:
        """`enter`: the words before a command that run it where the broker is to be; `certificates`: a folder with
        ca.pem, cert.pem and key.pem, for TLS; `memory_mb`: from there on it holds up those who send; `management`: with
        RabbitMQ's own page; `joins`: another, which runs and whose cluster it becomes a part of."""
        if not PROGRAM.exists():
            raise HeddleError("RabbitMQ is not installed: apt-get install rabbitmq-server")
        self.address, self._enter, self._certificates = address, enter, certificates
        self._memory_mb = memory_mb
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="heddle-rabbitmq-", dir=memory))
        self.port, self._mapper, self._nodes, self._page = free_ports(4)
        self.passwords = {user: secrets.token_urlsafe(12) for user in RIGHTS}
        self._joins, self._node = joins, "heddle@localhost"
        if joins is not None:
            self._mapper, self.passwords, self._node = joins._mapper, joins.passwords, "heddle2@localhost"
            shutil.copy2(joins.folder / ".erlang.cookie", self.folder)
        self._process: subprocess.Popen[bytes] | None = None
        (self.folder / "definitions.json").write_text(json.dumps(self._definitions()))
        (self.folder / "plugins").write_text("[rabbitmq_management]." if management else "[].")
        self._configure(management)

    def url(self, user: str = "server") -> str:
        scheme = "amqps" if self._certificates else "amqp"
        return f"{scheme}://{user}:{self.passwords[user]}@{self.address}:{self.port}/heddle"

    @property
    def management_url(self) -> str:
        return f"http://server:{self.passwords['server']}@{self.address}:{self._page}"

    def start(self) -> None:
        """Returns when it takes connections."""
        settings = {
            "NODENAME": self._node, "MNESIA_BASE": "db", "LOG_BASE": "log", "PID_FILE": "pid",
            "CONFIG_FILE": "conf", "ENABLED_PLUGINS_FILE": "plugins",
        }  # fmt: skip
        paths = {name: text if name == "NODENAME" else str(self.folder / text) for name, text in settings.items()}
        environ = {**os.environ, **{f"RABBITMQ_{name}": text for name, text in paths.items()}}
        environ |= {
            "HOME": str(self.folder), "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_DIST_PORT": str(self._nodes),
            "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": str(self._mapper),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
        }  # fmt: skip
        words = ["unshare", "--pid", "--mount-proc", "--fork", "--kill-child", str(PROGRAM)]
        with (self.folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [*self._enter, *words], env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/",
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            if time.monotonic() > deadline or self._process.poll() is not None:
                text = (self.folder / "out").read_text(errors="replace")[-2000:]
                raise HeddleError(f"RabbitMQ does not start\n{text}")
            time.sleep(0.1)

    def kill(self) -> None:
        """As when its machine loses power."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)  # what enters a host waits beside the one that runs there
            process.wait()

    def stop(self) -> None:
        """End it and remove its files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _listens(self) -> bool:
        if self._enter:
            probe = f"exec 3<>/dev/tcp/{self.address}/{self.port}"
            words = [*self._enter, "timeout", "1", "bash", "-c", probe]
            return subprocess.run(words, capture_output=True).returncode == 0
        try:
            socket.create_connection((self.address, self.port), 1).close()
        except OSError:
            return False
        return True

    def _configure(self, management: bool) -> None:
        kind = "ssl" if self._certificates else "tcp"
        lines = [
            f"listeners.{kind}.1 = {self.address}:{self.port}", "loopback_users = none", "log.file.level = warning",
            f"load_definitions = {self.folder}/definitions.json",
            f"vm_memory_high_watermark.absolute = {self._memory_mb}MB", "disk_free_limit.absolute = 10MB",
        ]  # fmt: skip
        if management:
            lines += [f"management.tcp.ip = {self.address}", f"management.tcp.port = {self._page}"]
        if self._joins is not None:
            lines += ["cluster_formation.peer_discovery_backend = classic_config",
                      f"cluster_formation.classic_config.nodes.1 = {self._joins._node}",
                      f"cluster_formation.classic_config.nodes.2 = {self._node}"]  # fmt: skip
        if self._certificates:
            files = {"cacertfile": "ca.pem", "certfile": "cert.pem", "keyfile": "key.pem"}
            lines += [f"ssl_options.{name} = {self._certificates / file}" for name, file in files.items()]
            lines.append("listeners.tcp = none")
        (self.folder / "conf").write_text("\n".join(lines) + "\n")

    def _definitions(self) -> dict[str, object]:
        return {
            "vhosts": [{"name": "heddle"}],
            "users": [
                {"name": user, "password_hash": _hash(password), "tags": "monitoring" if user == "server" else "",
                 "hashing_algorithm": "rabbit_password_hashing_sha256"}
                for user, password in self.passwords.items()
            ],
            "permissions": [
                {"user": user, "vhost": "heddle", "configure": rights[0], "write": rights[1], "read": rights[2]}
                for user, rights in RIGHTS.items()
            ],
        }  # fmt: skip


def _hash(password: str) -> str:
    salt = os.urandom(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def free_ports(number: int) -> list[int]:
    """Ports of the loopback that nobody listens on now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports
