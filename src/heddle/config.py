"""The settings, typed: the only place that reads the settings file and the environment.

A setting has one name everywhere: `port` of the section `server` is `[server] port = 9696` in the TOML
file, `HEDDLE_SERVER_PORT=9696` in the environment, and `--set server.port=9696` on the command line.
The later one wins, in this order: default, file, environment, command line.  The file is the one named
by `--config` or `HEDDLE_CONFIG`, else `/etc/heddle/heddle.toml` if it is there.  An unknown name or a
value of the wrong type stops the program with the name, the value and what was expected.  A setting that
gets another name, or is taken away, is declared in `former_settings.py`.
"""

from __future__ import annotations

import os
import re
import socket
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from heddle import former_settings
from heddle.dns_settings import Designate, Dns, Rfc2136
from heddle.errors import ConfigError

DEFAULT_FILE = Path("/etc/heddle/heddle.toml")
MOST_WORKERS = 64
LEAST_DOWN_SECONDS = 10
LEAST_LOG_RATE, LEAST_LOG_BURST = 100, 25


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of the sections."""


class Paths(Section, frozen=True):
    """Folders, closed to others (0700): `state` is the server's: the database, keys, the administrator's credentials;
    `host` is root's: the lock, what was made on this host, leases; empty: the name of `state` with "-host".

    `run` holds sockets and pid files, `log` the logs.
    """

    state: str = "/var/lib/heddle"
    host: str = ""
    run: str = "/run/heddle"
    log: str = "/var/log/heddle"


class Server(Section, frozen=True):
    """The API server.  `public_url` is what the catalog shows; empty: made from listen and port.

    `max_body` in bytes; `max_limit` is the largest page of a list, 0 for no limit.  `workers` are the processes that
    answer; 0: one with SQLite, whose writers take turns anyway, two with another database.  `agent_down_seconds`: after
    that much silence an agent is dead, and with `automatic_failover` other hosts take over what it served.
    """

    listen: str = "127.0.0.1"
    port: int = 9696
    public_url: str = ""
    threads: int = 8
    workers: int = 0
    max_body: int = 4 * 1024 * 1024
    max_limit: int = 0
    user: str = "heddle"
    agent_down_seconds: int = 75
    automatic_failover: bool = True


class Database(Section, frozen=True):
    """`url` as SQLAlchemy writes it; empty: SQLite in the state folder."""

    url: str = ""
    pool: int = 10


class BusSettings(Section, frozen=True):
    """`url`: empty for the Unix socket in the run folder, which joins the server and the agent of one machine; else
    "amqp://user:password@broker:5672/vhost", "amqps://…" for TLS, several brokers with commas between them.

    `ca_file`: what the brokers' certificates are checked with, empty for the system's authorities; `cert_file` and
    `key_file`: what this side shows, where the brokers ask for it.  `call_timeout` in seconds.  `management_url`: that
    of RabbitMQ's management, "http://user:password@broker:15672", which only the upgrade check asks; empty: nobody.
    """

    url: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    call_timeout: float = 30.0
    management_url: str = ""


class Identity(Section, frozen=True):
    """`auth`: "embedded", or "keystone" for a Keystone that exists.  `token_hours`: a token's life."""

    auth: str = "embedded"
    token_hours: float = 12.0
    key_rotation_hours: float = 168.0
    region: str = "RegionOne"
    policy_file: str = ""


class Network(Section, frozen=True):
    """Types and ranges of networks.

    `tenant_types` in the order in which they are tried; the ranges of tunnels as "first:last"; `vlan_ranges` as
    "physnet:first:last" or "physnet" (only by the administrator); `flat_physnets` names physical networks, "*"
    for any; `physical_mtu` and `path_mtu` in bytes; `overlay_ip_version` is that of the hosts' addresses for tunnels;
    `base_mac`: its first three bytes are those of the MACs that the cloud chooses, the same for servers and agents;
    `dhcp_hosts`: so many hosts serve DHCP in a network, as far as there are; `max_l3_agents_per_router`: on so many a
    highly available router is ready.
    """

    tenant_types: tuple[str, ...] = ("vxlan",)
    vxlan_ranges: tuple[str, ...] = ("1:65536",)
    gre_ranges: tuple[str, ...] = ("1:65536",)
    geneve_ranges: tuple[str, ...] = ("1:65536",)
    vlan_ranges: tuple[str, ...] = ("public", "physnet1")
    flat_physnets: tuple[str, ...] = ("*",)
    physical_mtu: int = 1500
    path_mtu: int = 0
    overlay_ip_version: int = 4
    base_mac: str = "fa:16:3e:00:00:00"
    dns_domain: str = "openstacklocal"
    dhcp_lease_seconds: int = 86400
    dhcp_hosts: int = 1
    max_l3_agents_per_router: int = 3
    max_routes: int = 30
    max_fixed_ips_per_port: int = 5
    max_host_routes: int = 20
    max_dns_nameservers: int = 5
    max_allowed_address_pairs: int = 10

    @property
    def mac_beginning(self) -> str:
        """Of the MACs that the cloud chooses."""
        return self.base_mac.lower()[:8]


class Quota(Section, frozen=True):
    """Default quotas per project, -1 for no limit."""

    network: int = 100
    subnet: int = 100
    subnetpool: int = -1
    port: int = 500
    router: int = 10
    floatingip: int = 50
    security_group: int = 10
    security_group_rule: int = 100
    address_group: int = -1
    rbac_policy: int = 10
    trunk: int = -1


class Agent(Section, frozen=True):
    """This host's agent.

    `data_plane`: "openvswitch" or "linuxbridge".  With Open vSwitch, `bridge_mappings`: physical network -> bridge, as
    "public:br-ex"; `datapath`: "auto", "system" (the kernel's) or "netdev" (userspace).  With Linux bridge,
    `physical_interface_mappings`: physical network -> network card, as "physnet1:eth1".  `tunnel_ip`: empty for a host
    without tunnels; `availability_zone`: the part of the cloud that the host is in.  `key_file`: the host's secret, as
    `heddle host add` prints it, for a bus with a broker; empty: agent.key in the host's folder (`paths.host`).
    `connections_per_network`: with Open vSwitch, how many connections a network may have at a time on this host, 0 for
    no limit.  `ha_port`: the UDP port of `tunnel_ip` on which hosts tell each other who carries which highly available
    router, the same on all; `ha_dead_seconds`: who is not heard for so long is dead for the others, the same on all;
    `ha_preempt`: a later host gives a router back to an earlier one.  `ipv6_gateway`: the link-local address of the
    next router on external networks whose subnets name no gateway of IPv6; empty: routers take their default route
    from its advertisements there.  `dvr_base_mac`: what the MAC begins with under which a host forwards for distributed
    routers; the rest is made of the host's name.

    What ports may be promised here (docs/qos.md): `resource_provider_bandwidths` in kilobits a second as
    "br-ex:egress:ingress", with the bridge or card of a physical network or rp_tunnelled for the tunnels;
    `resource_provider_packet_processing_without_direction` in thousands of packets a second as ":rate", or
    `…_with_direction` as ":egress:ingress"; `…_inventory_defaults`: "allocation_ratio:1.0", "reserved:0".
    """

    host: str = ""
    key_file: str = ""
    roles: tuple[str, ...] = ("switch", "router", "dhcp", "metadata")
    data_plane: str = "openvswitch"
    bridge_mappings: tuple[str, ...] = ("public:br-ex",)
    physical_interface_mappings: tuple[str, ...] = ()
    datapath: str = "auto"
    tunnel_ip: str = ""
    availability_zone: str = "nova"
    ovsdb: str = "unix:/run/openvswitch/db.sock"
    report_seconds: float = 15.0
    resync_seconds: float = 30.0
    digest_seconds: float = 600.0
    audit_seconds: float = 4.0
    connections_per_network: int = 65_536
    ha_port: int = 9697
    ha_dead_seconds: float = 0.7
    ha_preempt: bool = False
    ipv6_gateway: str = ""
    dvr_base_mac: str = "fa:16:3f:00:00:00"
    resource_provider_bandwidths: tuple[str, ...] = ()
    resource_provider_inventory_defaults: tuple[str, ...] = ()
    resource_provider_packet_processing_without_direction: tuple[str, ...] = ()
    resource_provider_packet_processing_with_direction: tuple[str, ...] = ()
    resource_provider_packet_processing_inventory_defaults: tuple[str, ...] = ()

    @property
    def mappings(self) -> tuple[str, ...]:
        """What the host has of the physical networks: their bridges, or with Linux bridge their network cards."""
        return self.physical_interface_mappings if self.data_plane == "linuxbridge" else self.bridge_mappings


class Metadata(Section, frozen=True):
    """What guests get at 169.254.169.254 and fe80::a9fe:a9fe, from agents with the role metadata.

    `isolated_networks`: also where no router is the gateway, from the DHCP server.  `nova_host`: empty for answers of
    what Heddle knows itself; else every request goes to this metadata server of Nova, signed with `shared_secret`
    (Nova's neutron.metadata_proxy_shared_secret), by `nova_protocol` "http" or "https"; `nova_ca_file`: what the
    server's certificate is checked with, empty for the system's authorities.
    """

    isolated_networks: bool = True
    nova_host: str = ""
    nova_port: int = 8775
    nova_protocol: str = "http"
    nova_ca_file: str = ""
    shared_secret: str = ""


class NetworkLog(Section, frozen=True):
    """What agents write down of packets, where logs ask for it: at most `rate_limit` packets a second of a host, and
    `burst_limit` at once.  `local_output_log_base`: the file; empty: packets.log in the folder of the logs.
    """

    rate_limit: int = 100
    burst_limit: int = 25
    local_output_log_base: str = ""


class Settings(Section, frozen=True):
    paths: Paths = Paths()
    server: Server = Server()
    database: Database = Database()
    bus: BusSettings = BusSettings()
    identity: Identity = Identity()
    network: Network = Network()
    quota: Quota = Quota()
    agent: Agent = Agent()
    metadata: Metadata = Metadata()
    dns: Dns = Dns()
    rfc2136: Rfc2136 = Rfc2136()
    designate: Designate = Designate()
    network_log: NetworkLog = NetworkLog()

    @property
    def serves_metadata(self) -> bool:
        return "metadata" in self.agent.roles

    @property
    def host(self) -> str:
        return self.agent.host or socket.gethostname()

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.paths.state}/heddle.db"

    @property
    def host_folder(self) -> Path:
        return Path(self.paths.host or f"{self.paths.state.rstrip('/')}-host")

    @property
    def agent_key_file(self) -> Path:
        return Path(self.agent.key_file) if self.agent.key_file else self.host_folder / "agent.key"

    @property
    def bus_socket(self) -> Path:
        return Path(self.paths.run) / "bus.sock"

    @property
    def relay_socket(self) -> Path:
        return Path(self.paths.run) / "relay.sock"

    @property
    def workers(self) -> int:
        """How many processes answer requests.  Raises `ConfigError`."""
        asked = self.server.workers
        if not 0 <= asked <= MOST_WORKERS:
            raise ConfigError(
                f"server.workers={asked}: write 1 to {MOST_WORKERS}, or 0 for one with SQLite and two with another "
                "database"
            )
        return asked or (1 if self.database_url.startswith("sqlite") else 2)

    @property
    def public_url(self) -> str:
        host = f"[{self.server.listen}]" if ":" in self.server.listen else self.server.listen
        return (self.server.public_url or f"http://{host}:{self.server.port}").rstrip("/")


def load(
    file: str | None = None, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Settings:
    """Read the settings.  `overrides` are "section.name=value".  Raises `ConfigError`."""
    environ = os.environ if environ is None else environ
    named = file_of(file, environ)
    tree = _read_file(named)
    former_settings.renamed(tree, f"settings file {named}")
    for section, key, text, where in _said(overrides, environ):
        _put(tree, section, key, text, where)
    try:
        settings = msgspec.convert(tree, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"settings: {error}") from error
    assert settings.workers
    if settings.server.agent_down_seconds < LEAST_DOWN_SECONDS:
        raise ConfigError(
            f"server.agent_down_seconds={settings.server.agent_down_seconds}: write at least {LEAST_DOWN_SECONDS}, and "
            "more than twice the agents' agent.report_seconds"
        )
    if settings.network.dhcp_hosts < 1:
        raise ConfigError(f"network.dhcp_hosts={settings.network.dhcp_hosts}: write 1 or more")
    _check_ha(settings)
    _check_macs(settings)
    _check_metadata(settings.metadata)
    for name, least in (("rate_limit", LEAST_LOG_RATE), ("burst_limit", LEAST_LOG_BURST)):
        if not least <= getattr(settings.network_log, name) < 2**31:
            value = getattr(settings.network_log, name)
            raise ConfigError(f"network_log.{name}={value}: write {least} or more packets, less than {2**31}")
    return settings


def given(
    file: str | None = None, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The settings that somebody sets, by "section.name" as it is written there, with where.  Raises `ConfigError`."""
    environ = os.environ if environ is None else environ
    named = file_of(file, environ)
    tables = {section: table for section, table in _read_file(named).items() if isinstance(table, dict)}
    found = {f"{section}.{key}": named for section, table in tables.items() for key in table}
    return found | {f"{section}.{key}": where for section, key, _, where in _said(overrides, environ)}


def _said(overrides: Sequence[str], environ: Mapping[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """Section, name, text and place of each setting of the environment and the command line, the stronger ones later.

    Raises `ConfigError`.
    """
    sections = {*Settings.__struct_fields__, *former_settings.sections()}
    for name, text in environ.items():
        if name.startswith("HEDDLE_") and name != "HEDDLE_CONFIG":
            rest = name.removeprefix("HEDDLE_").lower()
            whole = (each for each in sections if "_" in each and rest.startswith(f"{each}_"))
            section = next(whole, rest.partition("_")[0])
            key = rest.removeprefix(section).removeprefix("_")
            yield section, key, text, f"environment variable {name}"
    for item in overrides:
        dotted, equals, text = item.partition("=")
        section, dot, key = dotted.partition(".")
        if not equals or not dot:
            raise ConfigError(f"--set {item}: expected section.name=value, for example server.port=9696")
        yield section, key, text, f"--set {dotted}"


def _check_ha(settings: Settings) -> None:
    """Raises `ConfigError`."""
    if settings.network.max_l3_agents_per_router < 2:
        asked = settings.network.max_l3_agents_per_router
        raise ConfigError(f"network.max_l3_agents_per_router={asked}: write 2 or more")
    if not 0 < settings.agent.ha_port < 65536:
        raise ConfigError(f"agent.ha_port={settings.agent.ha_port}: write a port, 1 to 65535")
    if not 0.5 <= settings.agent.ha_dead_seconds <= 60:
        raise ConfigError(f"agent.ha_dead_seconds={settings.agent.ha_dead_seconds}: write 0.5 to 60")


def _check_macs(settings: Settings) -> None:
    """Raises `ConfigError`."""
    found = {"network.base_mac": settings.network.base_mac, "agent.dvr_base_mac": settings.agent.dvr_base_mac}
    for name, mac in found.items():
        if not re.fullmatch("[0-9a-f][02468ace](:[0-9a-f]{2}){5}", mac.lower()):
            raise ConfigError(f"{name}={mac!r}: write a MAC address that is no group's, as fa:16:3e:00:00:00")


def _check_metadata(metadata: Metadata) -> None:
    """Raises `ConfigError`; the secret is in no message."""
    if metadata.nova_protocol not in ("http", "https"):
        raise ConfigError(f"metadata.nova_protocol={metadata.nova_protocol!r}: write http or https")
    if not 0 < metadata.nova_port < 65536:
        raise ConfigError(f"metadata.nova_port={metadata.nova_port}: write a port, 1 to 65535")
    if metadata.nova_host and not metadata.shared_secret:
        raise ConfigError(
            "metadata.nova_host is set and metadata.shared_secret is not: write there what Nova has as "
            "neutron.metadata_proxy_shared_secret"
        )


def with_workers(settings: Settings, workers: int) -> Settings:
    """The settings of a process that answers together with others, `workers` in all."""
    return msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, workers=workers))


def file_of(named: str | None, environ: Mapping[str, str] | None = None) -> str:
    """The settings file that is read, "" for none."""
    found = named or (os.environ if environ is None else environ).get("HEDDLE_CONFIG")
    return found or (str(DEFAULT_FILE) if DEFAULT_FILE.exists() else "")


def _read_file(named: str) -> dict[str, Any]:
    if not named:
        return {}
    path = Path(named)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"settings file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"settings file {path}: not valid TOML: {error}") from error


def _put(tree: dict[str, Any], section: str, key: str, text: str, where: str) -> None:
    """Set one value from text, converted to the type that its setting has."""
    section, _, key = former_settings.name_today(f"{section}.{key}", where).partition(".")
    if section not in Settings.__struct_fields__:
        raise ConfigError(f"{where}: no section {section!r}; there are: {', '.join(Settings.__struct_fields__)}")
    declared = {field.name: field for field in msgspec.structs.fields(type(getattr(Settings(), section)))}
    if key not in declared:
        raise ConfigError(f"{where}: no setting {key!r} in section {section!r}; there are: {', '.join(declared)}")
    value: Any = text
    if declared[key].type == tuple[str, ...]:
        value = [part.strip() for part in text.split(",") if part.strip()]
    try:
        value = msgspec.convert(value, declared[key].type, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}={text!r}: {error}") from error
    tree.setdefault(section, {})[key] = value
