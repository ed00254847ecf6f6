"""A request for a route: right, nearly right, or wild."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from tests.stateful import bodies, values
from tests.stateful.world import FRESH, HOSTS, Known, World

from heddle.api.http import Route
from heddle.api.identity.collections import COLLECTIONS as IDENTITY
from heddle.api.network.collections import EVERY
from heddle.control.quotas import RESOURCES
from heddle.model.identity import ApplicationCredential
from heddle.model.port_binding import PortBinding
from heddle.model.resource import Resource, api_fields

RIGHT, NEAR, WILD = "right", "near", "wild"
# The model of the objects at a path, by the path's template.
MODELS: dict[str, type[Resource]] = {
    route.path: collection.model for collection in (*EVERY, *IDENTITY) for route in collection.routes()
}
for _base, _model in (("/v2.0/ports/{port_id}/bindings", PortBinding),
                      ("/identity/v3/users/{user_id}/application_credentials", ApplicationCredential)):  # fmt: skip
    MODELS[_base] = MODELS[_base + "/{id}"] = MODELS[_base + "/{host}"] = _model
# The pool of a path's variable part, by the part before it, where that is not the pool's name.
POOLS = {
    "quotas": "projects", "auto_allocated_topology": "projects", "network_ip_availabilities": "networks",
    "dhcp_networks": "networks", "l3_routers": "routers",
}  # fmt: skip
EXTENSIONS = ("quotas", "router", "nothing")
KINDS = ("bandwidth_limit", "dscp_marking", "nothing")


def pool_of(part: str) -> str:
    name = part.replace("-", "_").removeprefix("alias_")
    return POOLS.get(name, name)


class Maker:
    """Makes the path, body and headers of a request for `route` by `who`."""

    def __init__(self, world: World, route: Route, who: str, mode: str) -> None:
        self.world, self.route, self.who, self.mode = world, route, who, mode
        self.rng = world.rng

    def path(self) -> tuple[str, dict[str, str]]:
        """The path with its variable parts, and these by their names."""
        parts = self.route.path.split("/")
        places = [place for place, part in enumerate(parts) if part.startswith("{")]
        filled: dict[str, str] = {}
        if len(places) > 1 and (child := self._child(parts, places)) is not None:
            filled = child
        for place in places:
            name = parts[place][1:-1]
            if name not in filled:
                filled[name] = self._variable(name, parts[place - 1])
            if self.mode == WILD and self.rng.random() < 0.3:
                filled[name] = quote(str(self.rng.choice(values.WILD))[:300].encode("utf-8", "replace"), safe="") or "x"
            parts[place] = filled[name]
        return "/".join(parts), filled

    def _child(self, parts: list[str], places: list[int]) -> dict[str, str] | None:
        """An object with the one that it is under."""
        pool = [
            item for item in self.world.pool(pool_of(parts[places[-1] - 1])) if len(item.parents) == len(places) - 1
        ]
        if not pool or self.rng.random() < 0.1:
            return None
        item = self.rng.choice(pool)
        names = [parts[place][1:-1] for place in places]
        return dict(zip(names, (*item.parents, item.id), strict=True))

    def _variable(self, name: str, before: str) -> str:
        rng, world = self.rng, self.world
        if name == "tag":
            return quote(rng.choice(("red", "green", "blue", "two words", "α")), safe="")
        if name == "host":
            return rng.choice(HOSTS)
        if name == "type":
            return rng.choice(KINDS)
        pool = pool_of(before)
        if pool == "extensions":
            return rng.choice(EXTENSIONS)
        if pool == "users" and "application_credentials" in self.route.path and rng.random() < 0.8:
            return world.clients[self.who].user_id or "x"
        draw = rng.random()
        if draw < 0.03 or (pool == "projects" and before != "projects" and draw < 0.8):
            return rng.choice([*sorted(world.projects.values()), values.MISSING])
        if draw < 0.08 and world.gone:
            return rng.choice(world.gone)
        found = world.some(pool, self.who)
        return found.id if found else values.MISSING

    # Queries

    def query(self) -> str:
        """What a list is asked for."""
        model = MODELS.get(self.route.path)
        if self.route.method not in ("GET", "HEAD") or self.rng.random() < 0.4:
            return ""
        pairs: list[tuple[str, str]] = []
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            pairs.append(self._pair(model))
        return "?" + urlencode(
            [(name.encode("utf-8", "replace"), text.encode("utf-8", "replace")) for name, text in pairs]
        )

    def _pair(self, model: type[Resource] | None) -> tuple[str, str]:
        rng = self.rng
        if model is None or self.mode == WILD:
            name = rng.choice(("fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse", "colour", "tags"))
            return name, str(rng.choice(values.WILD))[:2000]
        declared = api_fields(model)
        draw = rng.random()
        if draw < 0.5:
            name = rng.choice([*(n for n, info in declared.items() if info.filter), "tags", "not-tags-any"])
            return name, self._filter(name, declared)
        if draw < 0.65:
            return "fields", rng.choice([*declared, "nothing"])
        if draw < 0.8:
            return "sort_key", rng.choice([*(n for n, info in declared.items() if info.sort), "colour"])
        if draw < 0.95:
            return "limit", rng.choice(("1", "2", "10", "0", "99999"))
        found = self.world.some(model.collection)
        return "marker", found.id if found else values.MISSING

    def _filter(self, name: str, declared: dict[str, Any]) -> str:
        info = declared.get(name)
        if info is None:
            return self.rng.choice(("red", "red,green", "", "red,red"))
        if self.mode == NEAR:
            return str(self.rng.choice(values.WILD))[:1000]
        if name == "fixed_ips":
            return self.rng.choice(("ip_address=10.0.0.2", f"subnet_id={values.MISSING}", "ip_address_substr=10."))
        made = bodies.value(self.world, info, self.who)
        return "" if made is None else str(made)

    # Bodies

    def body(self, params: dict[str, str]) -> Any:
        if self.route.method not in ("POST", "PUT", "PATCH"):
            return None
        if self.mode == WILD and self.rng.random() < 0.5:
            return self._raw()
        template = self.route.path
        special = SPECIAL.get(f"{self.route.method} {template.rpartition('/')[2]}") or SPECIAL.get(
            f"{self.route.method} {template}"
        )
        if special:
            made = special(self, params)
            return made if self.mode == RIGHT else bodies.spoil(self.rng, made)
        model = MODELS.get(template)
        if model is None:
            return None
        return self._attributes(model)

    def _attributes(self, model: type[Resource]) -> Any:
        verb = "create" if self.route.method == "POST" else "update"
        found = [bodies.attributes(self.world, model, verb, self.who)]
        plural = verb == "create" and "identity" not in self.route.path and self.rng.random() < 0.06
        if plural:
            found += [bodies.attributes(self.world, model, verb, self.who) for _ in range(self.rng.randrange(3))]
        if model is ApplicationCredential or model.member == "user":
            for item in found:
                item.pop("roles", None)
        if self.mode != RIGHT:
            found[-1] = bodies.spoil(self.rng, found[-1])
        member = model.member.removeprefix("alias_") if self.rng.random() < 0.5 else model.member
        return {model.collection: found} if plural else {member: found[0]}

    def _raw(self) -> bytes:
        wild = self.rng.choice(values.WILD)
        model = MODELS.get(self.route.path)
        member = model.member if model else "quota"
        shapes: tuple[Any, ...] = (
            wild,
            {member: wild},
            {member: {"name": wild}},
            [wild],
            {"x": wild},
            {member + "s": [wild]},
        )
        text = json.dumps(self.rng.choice(shapes)).encode()
        broken = (b"", b"{", b"\xff\xfe", b"[" * 3000, text[: len(text) // 2], b'{"a":' * 400 + b"1" + b"}" * 400)
        return text if self.rng.random() < 0.7 else self.rng.choice(broken)

    def headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        if self.route.path.endswith("/auth/tokens") and self.route.method != "POST":
            fresh = self.route.method == "DELETE"
            found["X-Subject-Token"] = f"{{token of {FRESH if fresh else self.rng.choice(('ann', self.who))}}}"
        if self.route.method in ("PUT", "DELETE") and self.rng.random() < 0.02:
            found["If-Match"] = f"revision_number={self.rng.randrange(5)}"
        if self.mode == WILD and self.rng.random() < 0.1:
            found["If-Match"] = str(self.rng.choice(values.WILD))[:200].encode("ascii", "replace").decode()
        return found


def _some(maker: Maker, pool: str) -> Known | None:
    return maker.world.some(pool, maker.who)


def _id(maker: Maker, pool: str) -> str:
    found = _some(maker, pool)
    return found.id if found else values.MISSING


def _limits(maker: Maker, params: dict[str, str]) -> Any:
    rng = maker.rng
    limits: dict[str, Any] = {rng.choice(RESOURCES): rng.choice((-1, 0, 40, 500, "7")) for _ in range(2)}
    if rng.random() < 0.4:
        limits["force"] = True
    return {"quota": limits}


def _login(maker: Maker, params: dict[str, str]) -> Any:
    user = {"name": maker.rng.choice(("ann", "eve", "ann", "stranger")), "domain": {"id": "default"},
            "password": "correct horse battery staple"}  # fmt: skip
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    if maker.rng.random() < 0.7:
        auth["scope"] = {"project": {"name": "blue" if user["name"] == "ann" else "red", "domain": {"id": "default"}}}
    return {"auth": auth}


SPECIAL: dict[str, Callable[[Maker, dict[str, str]], Any]] = {
    "PUT add_router_interface": lambda m, p: (
        {"subnet_id": _id(m, "subnets")} if m.rng.random() < 0.8 else {"port_id": _id(m, "ports")}
    ),
    "PUT remove_router_interface": lambda m, p: {"subnet_id": _id(m, "subnets")},
    "PUT add_extraroutes": lambda m, p: {"router": {"routes": bodies.SPECIAL["routes"](m.world, m.who)}},
    "PUT remove_extraroutes": lambda m, p: {"router": {"routes": bodies.SPECIAL["routes"](m.world, m.who)}},
    "POST dhcp-networks": lambda m, p: {"network_id": _id(m, "networks")},
    "POST l3-routers": lambda m, p: {"router_id": _id(m, "routers")},
    "PUT activate": lambda m, p: {},
    "PUT add_prefixes": lambda m, p: {"prefixes": [f"10.{m.rng.randrange(100, 200)}.0.0/24"]},
    "PUT remove_prefixes": lambda m, p: {"prefixes": [f"10.{m.rng.randrange(8, 200)}.0.0/24"]},
    "PUT onboard_network_subnets": lambda m, p: {"network_id": _id(m, "networks")},
    "PUT add_addresses": lambda m, p: {"addresses": bodies.SPECIAL["addresses"](m.world, m.who)},
    "PUT remove_addresses": lambda m, p: {"addresses": bodies.SPECIAL["addresses"](m.world, m.who)},
    "PUT add_subports": lambda m, p: {"sub_ports": bodies.SPECIAL["sub_ports"](m.world, m.who)},
    "PUT remove_subports": lambda m, p: {"sub_ports": [{"port_id": _id(m, "ports")}]},
    "POST tags": lambda m, p: {"tags": bodies.SPECIAL["tags"](m.world, m.who)},
    "PUT tags": lambda m, p: {"tags": bodies.SPECIAL["tags"](m.world, m.who)},
    "PUT {tag}": lambda m, p: {},
    "PUT /v2.0/quotas/{id}": _limits,
    "POST /v2.0/flavors/{flavor_id}/service_profiles": lambda m, p: {
        "service_profile": {"id": _id(m, "service_profiles")}
    },
    "POST tokens": _login,
    "POST password": lambda m, p: {"user": {"password": "new", "original_password": "guess"}},
}
