"""What tempest is told of the cloud that it tests: its `tempest.conf`."""

from __future__ import annotations

import configparser
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Site:
    """The cloud: `url` the server's root, `external` the id of the external network."""

    url: str
    password: str
    external: str
    extensions: tuple[str, ...]


def write(path: Path, site: Site, folder: Path) -> None:
    """Write the settings; `folder` is for tempest's log and locks."""
    tree: dict[str, dict[str, object]] = {
        "DEFAULT": {"log_dir": folder, "log_file": "tempest.log", "debug": False},
        "oslo_concurrency": {"lock_path": folder / "locks"},
        "auth": {
            "use_dynamic_credentials": True, "create_isolated_networks": False, "admin_username": "admin",
            "admin_password": site.password, "admin_project_name": "admin", "admin_domain_name": "Default",
            "tempest_roles": "member",
        },
        "identity": {
            "uri_v3": f"{site.url}/identity/v3", "auth_version": "v3", "region": "RegionOne",
            "v3_endpoint_type": "public",
        },
        "identity-feature-enabled": {"api_v3": True, "application_credentials": False},
        "service_available": {"neutron": True, **_none("nova glance cinder swift horizon heat designate")},
        "network": {
            "public_network_id": site.external, "floating_network_name": "public",
            "project_network_cidr": "10.100.0.0/16", "project_network_mask_bits": 28,
            "project_networks_reachable": False, "port_vnic_type": "normal", "default_network": "10.100.0.0/16",
        },
        "network-feature-enabled": {
            "ipv6": True, "ipv6_subnet_attributes": True, "port_security": True, "floating_ips": True,
            "api_extensions": _list(site.extensions), "available_features": "ipv6_metadata",
        },
        "validation": {"run_validation": False},
        "neutron_plugin_options": {
            "provider_vlans": "foo,", "agent_availability_zone": "nova",
            "available_type_drivers": "flat,vlan,local,vxlan,gre", "provider_net_base_segm_id": 1, "q_agent": "ovs",
            "firewall_driver": "openvswitch", "snat_rules_apply_to_nested_networks": True,
            "create_shared_resources": True,
        },
    }  # fmt: skip
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict({name: {key: str(value) for key, value in part.items()} for name, part in tree.items()})
    with path.open("w", encoding="utf-8") as file:
        parser.write(file)


def _none(names: str) -> dict[str, object]:
    return dict.fromkeys(names.split(), False)


def _list(names: Iterable[str]) -> str:
    return ",".join(names)
