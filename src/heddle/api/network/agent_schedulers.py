"""Which agents serve which networks and routers, as the administrator sees and decides it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.collections import AGENT_COLLECTION, NETWORK_COLLECTION, ROUTER_COLLECTION
from heddle.api.network.crud import Collection
from heddle.api.network.rights import require
from heddle.api.render import render
from heddle.api.rights import Rights
from heddle.api.schemas import NOTHING, OBJECT, only, resource, several
from heddle.api.services import Services
from heddle.control import dhcp, ha_routers, router_hosts, router_places
from heddle.control.context import Context
from heddle.control.lookup import need
from heddle.errors import BadRequest, NotFound
from heddle.model.agent import Agent
from heddle.model.fields import Invalid, Uuid
from heddle.model.router import Router
from heddle.store.engine import Tx
from heddle.store.query import hosts

Verb = Callable[[Context, Any, Agent], None]


@dataclass(frozen=True)
class Scheduler:
    """A role of agents and what it serves.

    `kind` is the agents' name in errors, `rule` that in policy rules; `id` names the object in paths and bodies.
    `more`: what is shown of agents beside their records, by host.
    """

    role: str
    kind: str
    rule: str
    served: Collection[Any]
    id: str
    give: Verb
    take: Verb
    more: Callable[[Tx, Any], Mapping[str, dict[str, Any]]] | None = None

    def routes(self) -> list[Route]:
        things, rule = self.served.model.collection, self.rule
        of_agent, agents = f"/v2.0/agents/{{id}}/{rule}s", f"{self.served.url}/{{id}}/{self.agents}"
        one = f"{of_agent}/{{{self.id}}}"
        body = {
            "type": "object",
            "properties": {self.id: Uuid().schema()},
            "required": [self.id],
            "additionalProperties": False,
        }
        served = only(**{things: several(resource(self.served.model))})
        serving = only(agents=several(OBJECT if self.more else resource(Agent)))
        give, agents_of = f"Give {things} to an agent", f"List the agents of {things}"
        return [
            Route("GET", of_agent, self.list_served, f"get_{rule}s", 200, f"List {things} of an agent", reply=served),
            Route("POST", of_agent, self.assign, f"create_{rule}", 201, give, body=body, reply=NOTHING),
            Route("DELETE", one, self.withdraw, f"delete_{rule}", 204, f"Take {things} from an agent"),
            Route("GET", agents, self.list_agents, f"get_{self.agents}", 200, agents_of, reply=serving),
        ]

    @property
    def no_more(self) -> dict[str, Any]:
        return {"ha_state": None} if self.more else {}

    @property
    def agents(self) -> str:
        return self.rule.partition("-")[0] + "-agents"

    def list_served(self, services: Services, request: Request) -> Response:
        require(services, request, f"get_{self.rule}s")
        with services.store.read() as tx:
            agent = self._agent(services, request, tx)
            ids = [object_id for role, object_id in hosts.assigned(tx, agent.host) if role == self.role == agent.role]
            found = list(self.served.records.get_many(tx, ids).values())
            return json_response({self.served.model.collection: _shown(services, request, tx, self.served, found)})

    def list_agents(self, services: Services, request: Request) -> Response:
        require(services, request, f"get_{self.agents}")
        with services.store.read() as tx:
            ctx = self.served.context(services, request, tx)
            served = need(ctx, self.served.records, request.params["id"], bare=True)
            names = hosts.hosts_of(tx, self.role, served.id)
            agents = hosts.agents_with(tx, self.role, names)
            shown = _shown(services, request, tx, AGENT_COLLECTION, agents)
            more = self.more(tx, served) if self.more else {}
            every = zip(agents, shown, strict=True)
            return json_response({"agents": [{**item, **more.get(agent.host, self.no_more)} for agent, item in every]})

    def assign(self, services: Services, request: Request) -> Response:
        require(services, request, f"create_{self.rule}")
        id = self._named(request)

        def work(tx: Tx) -> None:
            agent = self._agent(services, request, tx)
            if agent.role != self.role or not agent.admin_state_up:
                reason = f"Agent {agent.id} is not a valid {self.kind} Agent or has been disabled"
                raise NotFound(f"Invalid{self.kind}Agent", reason)
            self._change(services, request, tx, self.give, id, agent)

        services.store.write(work, request.request_id)
        return json_response(None, 201)

    def withdraw(self, services: Services, request: Request) -> Response:
        require(services, request, f"delete_{self.rule}")

        def work(tx: Tx) -> None:
            agent = self._agent(services, request, tx)
            self._change(services, request, tx, self.take, request.params[self.id], agent)

        services.store.write(work, request.request_id)
        return Response(204)

    def _change(self, services: Services, request: Request, tx: Tx, verb: Verb, id: str, agent: Agent) -> None:
        ctx = self.served.context(services, request, tx)
        verb(ctx, need(ctx, self.served.records, id, lock=True), agent)

    def _agent(self, services: Services, request: Request, tx: Tx) -> Agent:
        return need(AGENT_COLLECTION.context(services, request, tx), AGENT_COLLECTION.records, request.params["id"])

    def _named(self, request: Request) -> str:
        """The object that the request's body names.  Raises `BadRequest`."""
        body = request.json()
        if set(body) != {self.id}:
            raise BadRequest("HTTPBadRequest", f'The request body must be {{"{self.id}": …}}')
        try:
            return str(Uuid().parse(body[self.id]))
        except Invalid as reason:
            raise BadRequest("HTTPBadRequest", f"Invalid input for {self.id}. Reason: {reason}.") from None


def _shown(
    services: Services, request: Request, tx: Tx, collection: Collection[Any], items: Sequence[Any]
) -> list[dict[str, Any]]:
    """The objects as the collection shows them, with the attributes that were asked for."""
    fields = [text for name, text in request.query() if name == "fields"]
    rights = Rights(services.policy, request.caller, collection.model)
    if collection.describe is not None:
        collection.describe(services, tx, items)
    return render(rights, items, fields, lambda name: None)


def _ha_states(tx: Tx, router: Router) -> dict[str, dict[str, Any]]:
    return {host: {"ha_state": state} for host, state in ha_routers.states(tx, router).items()}


SCHEDULERS = (
    Scheduler(dhcp.ROLE, "DHCP", "dhcp-network", NETWORK_COLLECTION, "network_id", dhcp.give, dhcp.take),
    Scheduler(
        router_places.ROLE, "L3", "l3-router", ROUTER_COLLECTION, "router_id", router_hosts.give, router_hosts.take,
        more=_ha_states,
    ),
)  # fmt: skip
ROUTES = [route for scheduler in SCHEDULERS for route in scheduler.routes()]
