"""A user of the Networking API, as short as a test wants to say it."""

from __future__ import annotations

from typing import Any

from tests.fakes.client import Answer, Client

PATHS = {
    "security_group": "security-groups",
    "security_group_rule": "security-group-rules",
    "default_security_group_rule": "default-security-group-rules",
    "security_groups_default_statefulness": "security-groups-default-statefulness",
    "quota": "quotas",
    "floatingip": "floatingips",
    "address_group": "address-groups",
    "address_scope": "address-scopes",
    "ndp_proxy": "ndp_proxies",
    "local_ip": "local_ips",
    "metering_label": "metering/metering-labels",
    "metering_label_rule": "metering/metering-label-rules",
    "rbac_policy": "rbac-policies",
    "service_provider": "service-providers",
    "policy": "qos/policies",
    "log": "log/logs",
}


def path_of(member: str) -> str:
    return "/v2.0/" + PATHS.get(member, member + "s")


def collection_of(member: str) -> str:
    return path_of(member).rpartition("/")[2].replace("-", "_")


class Talk:
    """Each verb asserts success and gives what the answer holds; `refused` asserts an error instead."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.project_id = client.project_id
        self.user_id = client.user_id

    def create(self, member: str, attributes: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        answer = self.client.post(path_of(member), {member: {**(attributes or {}), **more}})
        assert answer.status == 201, answer.body
        return dict(answer.json()[member])

    def bulk(self, member: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        collection = collection_of(member)
        answer = self.client.post(path_of(member), {collection: items})
        assert answer.status == 201, answer.body
        return list(answer.json()[collection])

    def show(self, member: str, id: str, query: str = "") -> dict[str, Any]:
        answer = self.client.get(f"{path_of(member)}/{id}{query}")
        assert answer.status == 200, answer.body
        return dict(answer.json()[member])

    def list(self, member: str, query: str = "") -> list[dict[str, Any]]:
        answer = self.client.get(path_of(member) + query)
        assert answer.status == 200, answer.body
        return list(answer.json()[collection_of(member)])

    def ids(self, member: str, query: str = "") -> list[str]:
        return [item["id"] for item in self.list(member, query)]

    def update(self, member: str, id: str, attributes: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        answer = self.client.call("PUT", f"{path_of(member)}/{id}", {member: {**(attributes or {}), **more}})
        assert answer.status == 200, answer.body
        return dict(answer.json()[member])

    def delete(self, member: str, id: str) -> None:
        answer = self.client.call("DELETE", f"{path_of(member)}/{id}")
        assert answer.status == 204, answer.body
        assert answer.body == b""

    def put(self, path: str, body: Any = None) -> dict[str, Any]:
        answer = self.client.call("PUT", path, body)
        assert answer.status == 200, answer.body
        return dict(answer.json())

    def refused(self, status: int, kind: str, method: str, path: str, body: Any = None, **headers: str) -> str:
        """The call is answered with this status and error type; gives the message."""
        answer = self.client.call(method, path, body, headers)
        return refusal(answer, status, kind)

    def no_create(self, status: int, kind: str, member: str, attributes: Any = None, **more: Any) -> str:
        return self.refused(status, kind, "POST", path_of(member), {member: {**(attributes or {}), **more}})

    def no_update(self, status: int, kind: str, member: str, id: str, attributes: Any = None, **more: Any) -> str:
        return self.refused(status, kind, "PUT", f"{path_of(member)}/{id}", {member: {**(attributes or {}), **more}})

    def no_delete(self, status: int, kind: str, member: str, id: str) -> str:
        return self.refused(status, kind, "DELETE", f"{path_of(member)}/{id}")

    # Networks as tests want them

    def network(self, cidr: str = "", **subnet: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """A network, and a subnet on it when `cidr` is given."""
        network = self.create("network", name="net")
        return network, self.subnet(network, cidr, **subnet) if cidr else {}

    def subnet(self, network: dict[str, Any], cidr: str, **more: Any) -> dict[str, Any]:
        version = 6 if ":" in cidr else 4
        return self.create("subnet", {"network_id": network["id"], "cidr": cidr, "ip_version": version, **more})

    def port(self, network: dict[str, Any], attributes: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        return self.create("port", {"network_id": network["id"], **(attributes or {}), **more})


def refusal(answer: Answer, status: int, kind: str) -> str:
    """The message of an error answer, which must be of this status and type."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["NeutronError"]
    assert set(error) == {"type", "message", "detail"}
    assert error["type"] == kind, error
    assert answer.headers["x-openstack-request-id"].startswith("req-")
    return str(error["message"])


def addresses(port: dict[str, Any]) -> list[str]:
    return [fixed_ip["ip_address"] for fixed_ip in port["fixed_ips"]]
