"""The run: which request comes next, what an answer teaches, and which routes have been reached."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.fakes.client import Answer
from tests.stateful import recipes
from tests.stateful.cook import matcher, topology
from tests.stateful.requests import MODELS, NEAR, RIGHT, WILD, Maker, pool_of
from tests.stateful.views import Followers
from tests.stateful.world import HOSTS, NOBODY, PEOPLE, Failure, Step, World

from heddle.api.http import Route
from heddle.api.routes import ROUTES

MOST_OF_A_KIND = 60
TRIES = 40
SLOW = ("/auth/tokens", "/users", "/password", "/application_credentials", "/openapi.json")
# Where most of what people do is.
BUSY = tuple(
    f"/v2.0/{name}"
    for name in ("networks", "subnet", "ports", "routers", "floatingips", "security-group", "trunks", "rbac")
)
Key = tuple[str, str]


def key(route: Route) -> Key:
    return route.method, route.path


class Explorer:
    """Makes requests one after the other; `reached` has the routes that were answered with success."""

    def __init__(self, world: World) -> None:
        self.world, self.rng = world, world.rng
        self.reached: set[Key] = set()
        self.statuses: Counter[int] = Counter()
        self.followers = Followers(world)
        self.open = list(ROUTES)
        self._weights = [self._weight(route) for route in ROUTES]
        self._by_path = matcher(ROUTES)
        world.watch = self.note

    def _weight(self, route: Route) -> float:
        if route.path.endswith(SLOW) and route.method in ("POST", "PATCH", "GET"):
            return 0.05
        if "/tags" in route.path or route.path.startswith("/identity"):
            return 0.15
        more = 4.0 if route.path.startswith(BUSY) else 1.0
        return more * {"POST": 3.0, "PUT": 2.0, "DELETE": 1.2}.get(route.method, 0.5)

    def start(self) -> None:
        for host in HOSTS:
            self.world.report(host)
        for who in ("admin", "ann", "eve"):
            topology(self.world, who)

    def step(self) -> None:
        """The next request, or few that belong together."""
        draw = self.rng.random()
        if draw < 0.002:
            self.world.report(self.rng.choice(HOSTS))
        elif draw < 0.01:
            self.rng.choice(recipes.RECIPES)[1](self.world)
        elif draw < 0.015:
            topology(self.world, self.rng.choice(("admin", "ann", "eve", "max")))
        elif draw < 0.03:
            self.look()
            self.followers.follow()
        elif draw < 0.06 and (crowded := self._crowded()):
            self.ask(crowded, "admin", RIGHT)
        elif self.open and draw < 0.06 + min(0.24, len(self.open) * 0.01):
            self.reach(self.rng.choice(self.open))
        else:
            mode = self._mode()
            self.ask(self.rng.choices(ROUTES, self._weights)[0], self._who(mode), mode)

    def reach(self, route: Route, chance: float = 0.5) -> None:
        """A right request of the administrator for a route that has not been reached."""
        recipe = recipes.recipe_of(route.path)
        if recipe and self.rng.random() < chance:
            recipe(self.world)
        else:
            self.ask(route, "admin", RIGHT)

    def finish(self) -> None:
        """Try again what has not been reached, with objects that there are now."""
        listed = {route.path for route in ROUTES if route.method == "GET" and "{" not in route.path}
        for route in self.open:
            several = route.path.partition("/{")[0]
            if several in listed:
                self.world.ask("admin", "GET", several)
            for _ in range(TRIES):
                if key(route) not in self.reached:
                    self.reach(route, 0.8)

    def _who(self, mode: str) -> str:
        names = [name for name, _, _ in PEOPLE] + [NOBODY]
        return self.rng.choices(names, (10 if mode == RIGHT else 5, 5, 4, 2, 1, 0.3, 0.2))[0]

    def _mode(self) -> str:
        return self.rng.choices((RIGHT, NEAR, WILD), (6, 3, 1))[0]

    def _crowded(self) -> Route | None:
        """How to remove one of the objects of which there are many."""
        found = [
            route for route in ROUTES
            if route.method == "DELETE" and route.path in MODELS and len(self._pool(route)) > MOST_OF_A_KIND
        ]  # fmt: skip
        return self.rng.choice(found) if found else None

    def _pool(self, route: Route) -> list[Any]:
        return self.world.pool(pool_of(route.path.split("/")[-2]))

    def look(self) -> None:
        """List all of a kind, and take what there is for what is known."""
        plain = [route for route in ROUTES if route.method == "GET" and route.path in MODELS and "{" not in route.path]
        self.world.ask("admin", "GET", self.rng.choice(plain).path)

    def ask(self, route: Route, who: str, mode: str) -> None:
        maker = Maker(self.world, route, who, mode)
        path, params = maker.path()
        if self._ends_the_run(route, params):
            return
        self.world.ask(who, route.method, path + maker.query(), maker.body(params), maker.headers())

    def _ends_the_run(self, route: Route, params: dict[str, str]) -> bool:
        """Whether it may take from the askers what they ask with."""
        if not route.path.startswith("/identity") or route.method in ("GET", "HEAD", "POST"):
            return route.path.endswith("/password") and params["id"] in self.world.protected
        users = {client.user_id for client in self.world.clients.values() if client.user_id}
        if "{user_id}" in route.path:
            return params["user_id"] in users
        return "{id}" in route.path and params["id"] in self.world.protected

    # Answers

    def note(self, step: Step, answer: Answer) -> None:
        """Learn from an answer, and check what is true of every one."""
        self.statuses[answer.status] += 1
        route, params = self._by_path(step.method, step.path)
        if answer.status >= 400:
            _check_error(step, answer)
            return
        if route is None:
            return
        if answer.status < 300 or answer.status == route.success:
            self.reached.add(key(route))
            self.open = [other for other in self.open if key(other) not in self.reached]
        if route.path in MODELS and route.method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            self._learn(step, route, params, answer)

    def _learn(self, step: Step, route: Route, params: dict[str, str], answer: Answer) -> None:
        base = route.path.removesuffix("/{id}")
        one, pool = base != route.path, pool_of(base.rpartition("/")[2])
        values = list(params.values())
        parents = tuple(values[:-1] if one else values)
        if step.method == "DELETE":
            self.world.forget(pool, values[-1])
            return
        if not answer.body:
            return
        url = step.path.partition("?")[0]
        whole = json.loads(answer.body)
        listed = [item for value in whole.values() for item in (value if isinstance(value, list) else [value])]
        objects = [item for item in listed if isinstance(item, dict)]
        for item in objects:
            item.setdefault("id", item.get("fixed_port_id", ""))
            if item["id"] and not step.path.startswith("/v2.0/qos/alias"):
                self.world.learn(pool, f"{url}/{item['id']}" if not one else url, item, parents)
        if step.who == "admin" and not one and step.method == "GET" and "?" not in step.path and not parents:
            there = {item["id"] for item in objects}
            for known in list(self.world.pool(pool)):
                if known.id not in there:
                    self.world.forget(pool, known.id)


def _check_error(step: Step, answer: Answer) -> None:
    """Errors are told as the clients of each API know it, whole and not too long."""
    if step.method == "HEAD":
        return
    body = answer.json()
    if step.path.startswith("/identity"):
        well = set(body) == {"error"} and body["error"]["code"] == answer.status
    else:
        well = set(body) == {"NeutronError"} and set(body["NeutronError"]) == {"type", "message", "detail"}
    if not well or len(answer.body) > 6000:
        raise Failure(f"an error is told in a way that clients do not know: {answer.status} {answer.body[:500]!r}")
