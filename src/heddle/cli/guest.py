"""`heddle guest`: lab guests on this host, plugged as a VM's tap would be.

    heddle guest add web --port web-port          binds the port to this host, plugs it, gets the address by DHCP
    heddle guest exec web -- ping -c 3 10.0.0.1
    heddle guest list
    heddle guest delete web                       unplugs, and takes the binding from the port
"""

from __future__ import annotations

import argparse
import ipaddress
from typing import TYPE_CHECKING, Any

from heddle.cli.client import Client, ClientError, credentials
from heddle.config import Settings

if TYPE_CHECKING:
    from heddle.host.guest import Guest, GuestPort
    from heddle.host.guest_switch import GuestSwitch

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

OWNER = "compute:lab"


def register(commands: Subparsers) -> None:
    guest = commands.add_parser("guest", help="lab guests: network namespaces in the place of virtual machines")
    actions = guest.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="make a guest at a port, or make it what it should be")
    add.add_argument("name")
    add.add_argument("--port", required=True, metavar="NAME_OR_ID", help="the port that it gets")
    add.add_argument("--no-dhcp", action="store_true", help="give it its address by hand, not by DHCP")
    add.add_argument("--address", action="append", default=[], metavar="CIDR",
                     help="with --no-dhcp: other addresses than the port's, as 10.0.0.9/24")  # fmt: skip
    add.add_argument("--gateway", default="", help="with --no-dhcp: another gateway than the subnet's")
    execute = actions.add_parser("exec", help="run a command in a guest")
    execute.add_argument("name")
    execute.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND")
    delete = actions.add_parser("delete", help="remove a guest, and the binding of its port")
    delete.add_argument("name")
    delete.add_argument("--keep-binding", action="store_true", help="leave the port bound to this host")
    actions.add_parser("list", help="the guests of this host")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from heddle.host import guest
    from heddle.host.guest_switch import open_switch

    if args.action == "exec":
        command = args.argv[1:] if args.argv[:1] == ["--"] else args.argv
        guest.execute(args.name, command or ["sh"])
    switch = open_switch(settings.agent.data_plane, settings.agent.ovsdb)
    try:
        if args.action == "add":
            print_guest(_add(args, settings, switch))
        elif args.action == "delete":
            _delete(args, settings, switch)
        else:
            for each in guest.every(switch):
                print_guest(each)
    finally:
        switch.close()
    return 0


def print_guest(guest: Guest) -> None:
    print(f"{guest.name:<20} {guest.port_id or '-':<36} {guest.mac_address:<17} {' '.join(guest.addresses)}")


def _add(args: argparse.Namespace, settings: Settings, switch: GuestSwitch) -> Guest:
    from heddle.host import guest

    guest.check_name(args.name)
    client = Client(credentials(settings))
    port = client.find("ports", args.port)
    _check_free(port, args.name, settings.host)
    wanted = guest_port(client, port, args)
    if port.get("binding:host_id") != settings.host or port.get("device_owner") != OWNER:
        body = {"binding:host_id": settings.host, "device_owner": OWNER, "device_id": device_id(args.name)}
        client.request("PUT", f"/v2.0/ports/{port['id']}", {"port": body})
    return guest.add(args.name, wanted, switch)


def _delete(args: argparse.Namespace, settings: Settings, switch: GuestSwitch) -> None:
    from heddle.host import guest

    gone = guest.delete(args.name, switch)
    if args.keep_binding or not gone.port_id:
        return
    body = {"binding:host_id": "", "device_owner": "", "device_id": ""}
    try:
        Client(credentials(settings)).request("PUT", f"/v2.0/ports/{gone.port_id}", {"port": body})
    except ClientError as error:
        if error.status != 404:
            raise


def guest_port(client: Client, port: dict[str, Any], args: argparse.Namespace) -> GuestPort:
    """What the guest needs to know of its port: addresses by hand are those of IPv6, or all with --no-dhcp."""
    from heddle.host.guest import GuestPort

    network = client.get(f"/v2.0/networks/{port['network_id']}")["network"]
    subnets = {item["id"]: item for item in client.get("/v2.0/subnets", network_id=port["network_id"])["subnets"]}
    addresses: list[str] = []
    gateways: dict[int, str] = {}
    for fixed in port["fixed_ips"]:
        subnet = subnets[fixed["subnet_id"]]
        if subnet["ip_version"] == 6 or args.no_dhcp:
            addresses.append(f"{fixed['ip_address']}/{ipaddress.ip_network(subnet['cidr']).prefixlen}")
            if subnet.get("gateway_ip"):
                gateways.setdefault(subnet["ip_version"], subnet["gateway_ip"])
    if args.no_dhcp and args.address:
        addresses = list(args.address)
    if args.no_dhcp and args.gateway:
        gateways = {ipaddress.ip_address(args.gateway).version: args.gateway}
    has_dhcp = any(
        subnets[fixed["subnet_id"]]["ip_version"] == 4 and subnets[fixed["subnet_id"]]["enable_dhcp"]
        for fixed in port["fixed_ips"]
    )
    return GuestPort(
        id=port["id"],
        mac_address=port["mac_address"],
        mtu=network["mtu"],
        dhcp=has_dhcp and not args.no_dhcp,
        addresses=tuple(addresses),
        gateways=tuple(gateways.values()),
    )


def device_id(name: str) -> str:
    """What the port shows as its device."""
    return f"heddle-guest-{name}"


def _check_free(port: dict[str, Any], name: str, host: str) -> None:
    owner, device = port.get("device_owner") or "", port.get("device_id") or ""
    if owner.startswith("network:"):
        raise ClientError(f"port {port['id']} is the cloud's own ({owner}): make another one for the guest")
    if owner and device not in ("", device_id(name)):
        where = port.get("binding:host_id") or "no host"
        raise ClientError(f"port {port['id']} is in use by {owner} {device} on {where}: take another one for the guest")
