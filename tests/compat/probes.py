"""Values that are tried on every attribute: some are right for one and wrong for another, some for none."""

from __future__ import annotations

from typing import Any

ID = "3b241101-e2bb-4255-8caf-4136c566a962"
OTHER = "7c241101-e2bb-4255-8caf-4136c566a963"

PLAIN: tuple[Any, ...] = (
    None, True, False, 1, 0, -1, 2, 4, 6, 7, 22, 53, 68, 255, 256, 1500, 4094, 4096, 65535, 65536, 2**31, 2**32, -2,
    1.0, 1.5, "", " ", "a", "abc", "x" * 63, "x" * 64, "x" * 65, "x" * 255, "x" * 256, "x" * 4096, " host", "ho st",
    "true", "True", "FALSE", "yes", "on", "no", "off", "t", "f", "y", "n", " true ", "1", "0", "4", "6", "22", "256",
    [], {}, [None], [1], [{}], [[]], ["a"], ["a", "a"], ["x" * 256], [""], ["a,b"], {"a": 1}, {"k": {"k": [1]}}, "{}",
    "[]", {"x": "y" * 4096},
)  # fmt: skip
ADDRESSES: tuple[Any, ...] = (
    "10.0.0.1", "10.0.0.1 ", "10.0.0", "0.0.0.0", "256.1.1.1", "010.0.0.1", "224.0.0.1", "127.0.0.1", "255.255.255.255",
    "2001:db8::1", "2001:DB8::1", "::", "fe80::1%eth0", "::ffff:10.0.0.1", "10.0.0.0/24", "10.0.0.1/24", "10.0.0.0/33",
    "0.0.0.0/0", "2001:db8::/64", "2001:db8::1/64", "::/0", "fa:16:3e:00:00:01", "FA:16:3E:00:00:01",
    "fa-16-3e-00-00-01", "fa163e000001", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01",
    "fa:16:3e:00:00", "fa:16:3e:00:00:zz", ["10.0.0.1"], ["10.0.0.1", "10.0.0.1"], ["2001:db8::1"], ["10.0.0.0/24"],
    ID, ID.upper(), ID.replace("-", ""), [ID], [ID, ID], [ID, OTHER], [ID, "x"],
)  # fmt: skip
WORDS: tuple[Any, ...] = (
    "host", "host.example.org", "host.example.org.", "host.", "-host", "host_1", "1host", "host..x", "example.123",
    "<project_id>.example.org.", "<user_name>.", "<shoe>.org.", "a.<PROJECT_NAME>.",
    "*.example.org", ".", "müller", "a" * 64 + ".org", "network:dhcp", "compute:nova", "normal", "direct", "macvtap",
    "baremetal", "vdpa", "remote-managed", "smart-nic", "virtio-forwarder", "direct-physical", "NORMAL", "vxlan", "gre",
    "slaac", "dhcpv6-stateful", "dhcpv6-stateless", "ingress", "Ingress", "IPv4", "ipv4", "tcp", "TCP", "icmp", "any",
    "prefix_delegation", ["network:dhcp"], ["compute:nova", "compute:nova"], ["compute:nova", ""], ["foo:bar"],
)  # fmt: skip


def _lists(*items: dict[str, Any]) -> tuple[Any, ...]:
    """Each item alone, twice, and with a key that is not known."""
    return tuple(value for item in items for value in ([item], [item, item], [{**item, "x": 1}]))


LISTS: tuple[Any, ...] = (
    *_lists({"start": "10.0.0.2", "end": "10.0.0.9"}, {"start": "10.0.0.9", "end": "10.0.0.2"}, {"start": "10.0.0.2"}),
    *_lists({"start": "10.0.0.2", "end": "x"}, {"start": "10.0.0.2", "end": "2001:db8::1"}),
    *_lists({"destination": "10.1.0.0/24", "nexthop": "10.0.0.9"}, {"destination": "10.1.0.0/24"}),
    *_lists({"destination": "10.1.0.1/24", "nexthop": "10.0.0.9"}, {"destination": "x", "nexthop": "10.0.0.9"}),
    *_lists({"destination": "10.1.0.0", "nexthop": "10.0.0.9"}, {"destination": "10.1.0.0/24", "nexthop": "x"}),
    *_lists({"destination": "10.1.0.0/24", "nexthop": "2001:db8::1"}),
    *_lists({"ip_address": "10.0.0.1"}, {"subnet_id": ID}, {"subnet_id": ID, "ip_address": "10.0.0.1"}),
    *_lists({"subnet_id": "x"}, {"ip_address": "x"}, {"ip_address": None}, {"subnet_id": None}, {"ip_address": ""}),
    *_lists({"ip_address": "10.0.0.1", "mac_address": "fa:16:3e:00:00:01"}, {"mac_address": "fa:16:3e:00:00:01"}),
    *_lists({"ip_address": "10.0.0.1/24"}, {"ip_address": "10.0.0.0/24", "mac_address": "x"}),
    *_lists({"ip_address": "0.0.0.0/0"}, {"ip_address": "2001:db8::/64"}, {"ip_address": "224.0.0.1"}),
    *_lists({"ip_address": "10.0.0.1", "mac_address": "01:00:5e:00:00:01"}, {"ip_address": "224.0.0.0/24"}),
    *_lists({"opt_name": "mtu", "opt_value": "1400"}, {"opt_name": "mtu", "opt_value": None}, {"opt_name": "mtu"}),
    *_lists({"opt_name": "mtu", "opt_value": ""}, {"opt_value": "1"}, {"opt_name": "", "opt_value": "1"}),
    *_lists({"opt_name": "mtu", "opt_value": "1", "ip_version": 4}, {"opt_name": " ", "opt_value": "1"}),
    *_lists({"opt_name": "mtu", "opt_value": "1", "ip_version": "6"}, {"opt_name": "mtu", "opt_value": " "}),
    *_lists({"opt_name": "mtu", "opt_value": "1", "ip_version": 5}, {"opt_name": "x" * 65, "opt_value": "1"}),
    *_lists({"opt_name": "mtu", "opt_value": "x" * 256}, {"opt_name": "mtu", "opt_value": 1400}),
)
GATEWAYS: tuple[Any, ...] = (
    {"network_id": ID}, {"network_id": None}, {"network_id": "x"}, {"network_id": ID, "x": 1}, {"enable_snat": True},
    {"network_id": ID, "enable_snat": True}, {"network_id": ID, "enable_snat": "false"},
    {"network_id": ID, "enable_snat": "x"}, {"network_id": ID, "external_fixed_ips": []},
    {"network_id": ID, "external_fixed_ips": None}, {"network_id": ID, "external_fixed_ips": "x"},
    {"network_id": ID, "external_fixed_ips": [{"ip_address": "10.0.0.1"}]},
    {"network_id": ID, "external_fixed_ips": [{"subnet_id": ID, "ip_address": "10.0.0.1"}]},
    {"network_id": ID, "external_fixed_ips": [{"subnet_id": "x"}]}, {"network_id": ID, "qos_policy_id": None},
    {"network_id": ID, "qos_policy_id": OTHER}, {"network_id": ID, "qos_policy_id": "x"}, {"qos_policy_id": OTHER},
)  # fmt: skip

PROBES = (*PLAIN, *ADDRESSES, *WORDS, *LISTS, *GATEWAYS)
