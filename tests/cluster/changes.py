"""Tenants who change everything at random, through the API, and go on when it does not answer.

A tenant remembers nothing but its plugged guests: each step reads what there is, and picks from that.  So an answer
that was lost with a server leaves nothing behind that nobody knows of.  Its objects are those whose names begin with
its own.
"""

from __future__ import annotations

import http.client
import random
import threading
from collections import Counter
from typing import Any

from tests.cluster.lab import Lab
from tests.real.testhost import TestHost

from heddle.cli.client import Client, ClientError

AWAY = (0, 502, 503, 504)  # the API is out, or its database or broker is
TOLD = (404, 409)  # somebody was quicker, or the object is in use
NETWORKS, GUESTS, UNPLUGGED, GROUPS, ROUTERS, FLOATING = 4, 8, 12, 4, 2, 3
Json = dict[str, Any]


class Changes(threading.Thread):
    """One tenant.  `outside`: the external network.  `open_group`: the group that lets everything in.

    `done` counts changes and answers by what was asked and the status; `problems` has answers that no client is to see.
    """

    def __init__(self, lab: Lab, name: str, seed: int, outside: str, open_group: str, pause: float = 0.1) -> None:
        super().__init__(daemon=True, name=name)
        self._lab, self._random, self._pause = lab, random.Random(seed), pause
        self._outside, self._open = outside, open_group
        self._api: Client = lab.api
        self._made = 0
        self._end = threading.Event()
        self.guests: dict[str, tuple[TestHost, str, Json]] = {}
        self.done: Counter[tuple[str, int]] = Counter()
        self.problems: list[str] = []

    def run(self) -> None:
        steps = (
            (self._network, 1), (self._port, 5), (self._ports, 1), (self._delete_port, 3), (self._change_port, 6),
            (self._group, 1), (self._rule, 4), (self._delete_rule, 2), (self._delete_group, 1), (self._router, 1),
            (self._interface, 2), (self._gateway, 1), (self._delete_router, 1), (self._floating, 2),
            (self._move_floating, 2), (self._delete_floating, 1), (self._delete_network, 1),
        )  # fmt: skip
        while not self._end.wait(self._pause):
            (step,) = self._random.choices([each for each, _ in steps], [weight for _, weight in steps])
            try:
                step()
            except ClientError as error:
                if error.status not in (*AWAY, *TOLD):
                    self.problems.append(f"{step.__name__}: {error}")
            except (OSError, http.client.HTTPException):
                self.done["no answer", 0] += 1
            except Exception as error:
                self.problems.append(f"{step.__name__}: {error!r}")

    def end(self) -> None:
        self._end.set()
        self.join(120)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        what = f"{method} {path.split('/')[2]}"
        try:
            answer = self._api.request(method, path, body)
        except ClientError as error:
            self.done[what, error.status] += 1
            raise
        self.done[what, 200] += 1
        return answer

    def mine(self, collection: str) -> list[Json]:
        """What there is of this tenant, in a fixed order."""
        found = self._api.get(f"/v2.0/{collection}")[collection.replace("-", "_")]
        return sorted((each for each in found if each.get("name", "").startswith(f"{self.name}-")), key=_by_name)

    def _pick(self, collection: str, **where: Any) -> Json:
        found = [each for each in self.mine(collection) if all(each[key] == value for key, value in where.items())]
        if not found:
            raise ClientError(f"there are no {collection}", 404)
        return self._random.choice(found)

    def _new(self, collection: str, most: int, **values: Any) -> Json:
        """Raises `ClientError` 409 when the tenant has as many as it is to have."""
        if len(self.mine(collection)) >= most:
            raise ClientError(f"there are {most} {collection}", 409)
        self._made += 1
        member = collection.replace("-", "_")[:-1]
        body = {member: {"name": f"{self.name}-{self._made}", **values}}
        made: Json = self.ask("POST", f"/v2.0/{collection}", body)[member]
        return made

    def _put(self, collection: str, id: str, **values: Any) -> None:
        self.ask("PUT", f"/v2.0/{collection}/{id}", {collection.replace("-", "_")[:-1]: values})

    # Networks and ports

    def _network(self) -> None:
        network = self._new("networks", NETWORKS)
        third = self._random.randrange(256)
        octet = 100 + int(self.name[-1], 36) % 100
        self.ask("POST", "/v2.0/subnets", {"subnet": {
            "network_id": network["id"], "cidr": f"10.{octet}.{third}.0/24", "ip_version": 4,
            "name": f"{network['name']}-v4",
        }})  # fmt: skip

    def _ready_network(self) -> Json:
        """One that has its subnet: where a server died between the two, there is none, and ports get no address."""
        found = [each for each in self.mine("networks") if each["subnets"]]
        if not found:
            raise ClientError("there are no networks with a subnet", 404)
        return self._random.choice(found)

    def _delete_network(self) -> None:
        network = self._pick("networks")
        for port in self.mine("ports"):
            if port["network_id"] == network["id"] and port["device_owner"] in ("compute:lab", "compute:none"):
                self._drop(port)
        self.ask("DELETE", f"/v2.0/networks/{network['id']}")

    def _port(self) -> None:
        """A port, and its guest is plugged."""
        if len(self.guests) >= GUESTS:
            raise ClientError("there are enough guests", 409)
        network = self._ready_network()
        host = self._random.choice(self._lab.hosts)
        port = self._new(
            "ports", GUESTS + UNPLUGGED, network_id=network["id"], device_owner="compute:lab", device_id=self.name,
            security_groups=[self._open, *self._some_groups()], **{"binding:host_id": host.name},
        )  # fmt: skip
        name = f"{self.name}{self._made}"
        cidrs = [f"{each['ip_address']}/24" for each in port["fixed_ips"]]
        host.plug(name, port["mac_address"], cidrs, port["id"], mtu=network["mtu"])
        self.guests[port["id"]] = (host, name, port)

    def _ports(self) -> None:
        """Several ports at once, whose guests are never started; those there were go."""
        for port in self.mine("ports"):
            if port["device_owner"] == "compute:none":
                self._drop(port)
        network, hosts = self._ready_network(), self._lab.hosts
        values = {"network_id": network["id"], "device_owner": "compute:none", "security_groups": [self._open]}
        self._made += 1
        ports = [
            {**values, "name": f"{self.name}-{self._made}-{number}",
             "binding:host_id": hosts[number % len(hosts)].name}
            for number in range(self._random.randint(2, 8))
        ]  # fmt: skip
        self.ask("POST", "/v2.0/ports", {"ports": ports})

    def _delete_port(self) -> None:
        self._drop(self._pick("ports"))

    def _drop(self, port: Json) -> None:
        """Delete a port, and unplug its guest before or after that."""
        first = self._random.random() < 0.5
        if first:
            self._unplug(port["id"])
        self.ask("DELETE", f"/v2.0/ports/{port['id']}")
        self._unplug(port["id"])

    def _unplug(self, id: str) -> None:
        host, name, _ = self.guests.pop(id, (None, "", {}))
        if host is not None:
            host.unplug(name)

    def _change_port(self) -> None:
        port = self._pick("ports")
        number = self._random.randrange(1, 250)
        pairs: list[Json] = [
            {"ip_address": f"10.250.0.{number}"}, {"ip_address": f"10.251.{number}.0/24"},
            {"ip_address": f"fd00::{number}", "mac_address": f"02:00:00:00:00:{number:02x}"},
        ]  # fmt: skip
        choices: list[Json] = [
            {"security_groups": [self._open, *self._some_groups()]},
            {"allowed_address_pairs": self._random.sample(pairs, self._random.randint(0, 3))},
            {"admin_state_up": self._random.random() < 0.7},
            {"description": f"{number}"},
        ]
        self._put("ports", port["id"], **self._random.choice(choices))

    # Groups

    def _some_groups(self) -> list[str]:
        groups = [each["id"] for each in self.mine("security-groups")]
        return self._random.sample(groups, self._random.randint(0, len(groups)))

    def _group(self) -> None:
        self._new("security-groups", GROUPS)

    def _rule(self) -> None:
        group, low = self._pick("security-groups"), self._random.randrange(1, 60000)
        remote = self._random.choice([
            {}, {"remote_group_id": group["id"]}, {"remote_group_id": self._open}, {"remote_ip_prefix": "10.0.0.0/8"},
        ])  # fmt: skip
        self.ask("POST", "/v2.0/security-group-rules", {"security_group_rule": {
            "security_group_id": group["id"], "direction": "ingress", "ethertype": "IPv4", **remote,
            "protocol": self._random.choice(["tcp", "udp"]), "port_range_min": low,
            "port_range_max": low + self._random.randrange(500),
        }})  # fmt: skip

    def _delete_rule(self) -> None:
        rules = self._pick("security-groups")["security_group_rules"]
        if rules:
            self.ask("DELETE", f"/v2.0/security-group-rules/{self._random.choice(rules)['id']}")

    def _delete_group(self) -> None:
        self.ask("DELETE", f"/v2.0/security-groups/{self._pick('security-groups')['id']}")

    # Routers and floating IPs

    def _router(self) -> None:
        self._new("routers", ROUTERS, external_gateway_info={"network_id": self._outside})

    def _interface(self) -> None:
        router, subnet = self._pick("routers"), self._pick("subnets")
        verb = self._random.choice(["add", "add", "remove"])
        path = f"/v2.0/routers/{router['id']}/{verb}_router_interface"
        try:
            self.ask("PUT", path, {"subnet_id": subnet["id"]})
        except ClientError as error:
            if error.status != 400:  # it overlaps with another one of the router
                raise

    def _gateway(self) -> None:
        info = self._random.choice([{}, {"network_id": self._outside}, {"network_id": self._outside}])
        self._put("routers", self._pick("routers")["id"], external_gateway_info=info)

    def _delete_router(self) -> None:
        self.clear_router(self._pick("routers")["id"])

    def clear_router(self, id: str) -> None:
        """Delete it with its interfaces."""
        for port in self._api.get("/v2.0/ports", device_id=id, device_owner="network:router_interface")["ports"]:
            body = {"port_id": port["id"]}
            self.ask("PUT", f"/v2.0/routers/{id}/remove_router_interface", body)
        self.ask("DELETE", f"/v2.0/routers/{id}")

    def _floating(self) -> None:
        if len(self.floating()) < FLOATING:
            body = {"floating_network_id": self._outside, "description": f"{self.name}-"}
            self.ask("POST", "/v2.0/floatingips", {"floatingip": body})

    def floating(self) -> list[Json]:
        found = self._api.get("/v2.0/floatingips", description=f"{self.name}-")["floatingips"]
        return sorted(found, key=lambda each: str(each["floating_ip_address"]))

    def _move_floating(self) -> None:
        found = self.floating()
        if found:
            port = self._random.choice([None, *self.guests])
            self._put("floatingips", self._random.choice(found)["id"], port_id=port)

    def _delete_floating(self) -> None:
        found = self.floating()
        if found:
            self.ask("DELETE", f"/v2.0/floatingips/{self._random.choice(found)['id']}")

    # The end

    def clear(self) -> None:
        """Delete everything, with an API that answers."""
        for each in self.floating():
            self.ask("DELETE", f"/v2.0/floatingips/{each['id']}")
        for router in self.mine("routers"):
            self.clear_router(router["id"])
        for port in self.mine("ports"):
            self._drop(port)
        for id in list(self.guests):
            self._unplug(id)
        for network in self.mine("networks"):
            self.ask("DELETE", f"/v2.0/networks/{network['id']}")
        for group in self.mine("security-groups"):
            for rule in group["security_group_rules"]:
                self.ask("DELETE", f"/v2.0/security-group-rules/{rule['id']}")
        for group in self.mine("security-groups"):
            self.ask("DELETE", f"/v2.0/security-groups/{group['id']}")


def _by_name(each: Json) -> str:
    return str(each["name"])
