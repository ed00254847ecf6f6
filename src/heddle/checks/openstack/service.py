"""What a service of OpenStack is told by its files: where its databases and its message queue are."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

from heddle.bus.brokers import Broker
from heddle.checks.openstack import transport
from heddle.checks.openstack.ini import Options, is_true
from heddle.errors import ConfigError, HeddleError
from heddle.store.examine.openstack import readable

RABBIT = "oslo_messaging_rabbit"
DEFAULT_TRANSPORT = "rabbit://"
# What the databases of a service are called here, and the section that has the connection.
DATABASES = {"neutron": {"neutron": "database"}, "nova": {"nova": "database", "nova_api": "api_database"}}
# By which option, and after how many seconds by default, it takes another for silent.
SILENCE = {"neutron": ("agent_down_time", 75), "nova": ("service_down_time", 60)}


@dataclass(frozen=True, slots=True)
class Place:
    """A database: its URL with a driver of ours, or the `problem` that there is with it."""

    name: str
    service: Service
    url: str = field(default="", repr=False)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """`name` is "neutron" or "nova"; `options` is None where the files cannot be read, and `problem` says why."""

    name: str
    files: tuple[str, ...]
    options: Options | None = None
    problem: str = ""

    @property
    def shown(self) -> str:
        return ", ".join(self.files)

    @property
    def told(self) -> Options:
        """Raises `HeddleError` where the files cannot be read."""
        if self.options is None:
            raise HeddleError(f"{self.name}: its settings cannot be read: configuration-settings says why")
        return self.options

    def places(self) -> list[Place]:
        """Its databases.  A file of a cell has none for the API, which is no fault."""
        return [place for name, section in DATABASES[self.name].items() if (place := self._place(name, section))]

    def _place(self, name: str, section: str) -> Place | None:
        if self.options is None:
            return Place(name, self, problem="its settings cannot be read: configuration-settings says why")
        where = f"[{section}] connection of {self.shown}"
        try:
            given = self.options.get(section, "connection")
            if not given and section != "database":
                return None
            return Place(name, self, readable(given, where) if given else "", "" if given else f"{where} is not set")
        except ConfigError as error:
            return Place(name, self, problem=f"{self.shown}: {error}" if self.shown not in str(error) else str(error))

    def brokers(self) -> list[Broker]:
        """Those of `transport_url`.  Raises `HeddleError`; `transport.Foreign` where it is none of RabbitMQ's."""
        told = self.told
        where = f"[DEFAULT] transport_url of {self.shown}"
        return transport.brokers(told.get("DEFAULT", "transport_url") or DEFAULT_TRANSPORT, where, self._tls)

    def rabbit(self, *names: str) -> str:
        """An option of the section for RabbitMQ, by its name of today or one that it had; "" where it is not set."""
        told = self.told
        return next((value for name in names if (value := told.get(RABBIT, name))), "")

    @property
    def secure(self) -> bool:
        return is_true(self.rabbit("ssl", "rabbit_use_ssl"))

    @property
    def tls_files(self) -> dict[str, str]:
        """The files for TLS with the broker, by the name of the option."""
        names = {"ssl_ca_file": "kombu_ssl_ca_certs", "ssl_cert_file": "kombu_ssl_certfile",
                 "ssl_key_file": "kombu_ssl_keyfile"}  # fmt: skip
        return {name: file for name, old in names.items() if (file := self.rabbit(name, old))}

    def _tls(self, asked: bool) -> ssl.SSLContext | None:
        """As the service itself connects: names of brokers are not compared, and without `ssl_ca_file` nothing is."""
        if not (asked or self.secure):
            return None
        files = self.tls_files
        try:
            context = ssl.create_default_context(cafile=files.get("ssl_ca_file"))
            context.check_hostname = False
            if "ssl_ca_file" not in files:
                context.verify_mode = ssl.CERT_NONE
            if "ssl_cert_file" in files:
                context.load_cert_chain(files["ssl_cert_file"], files.get("ssl_key_file"))
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"[{RABBIT}] of {self.shown}: the files for TLS cannot be used: {error}") from error
        return context


def read(name: str, files: Sequence[str]) -> Service:
    """A service by its files, in the order of --config-file."""
    try:
        return Service(name, tuple(files), Options(files))
    except ConfigError as error:
        return Service(name, tuple(files), problem=str(error))
