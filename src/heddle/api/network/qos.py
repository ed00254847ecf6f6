"""QoS policies with their rules, and the types of rules: which values of each the data plane supports."""

from __future__ import annotations

from typing import Any

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.crud import Collection
from heddle.api.policy import refusal
from heddle.api.schemas import BOOL, OBJECT, TEXT, only, several, some
from heddle.api.services import Services
from heddle.control import qos
from heddle.errors import BadRequest, NotFound
from heddle.model.fields import Bool, Invalid
from heddle.model.qos import ALIASES, RULE_TYPES, QosPolicy, QosRule, parameters
from heddle.store.query.qos import POLICIES, RULES

OF_POLICY = {"policy": ("qos_policy_id", POLICIES)}

POLICY_COLLECTION: Collection[QosPolicy] = Collection(
    POLICIES, qos.create_policies, qos.update_policy, qos.delete_policy, path="qos/policies"
)


def _rules(model: type[QosRule]) -> Collection[Any]:
    """The rules of one type, in the path of their policy."""
    return Collection(
        RULES[model],
        qos.create_rules,
        qos.update_rule,
        qos.delete_rule,
        OF_POLICY,
        path=f"qos/policies/{{qos_policy_id}}/{model.collection}",
        under="policy",
        tells=True,
    )


def _alias(model: type[QosRule]) -> Collection[Any]:
    """The same rules without their policy: found, changed and deleted by their id alone."""
    return Collection(
        RULES[model],
        None,
        qos.update_rule,
        qos.delete_rule,
        OF_POLICY,
        path=f"qos/{model.collection}",
        lists=False,
        known_as=model.member.removeprefix("alias_"),
    )


COLLECTIONS: tuple[Collection[Any], ...] = (POLICY_COLLECTION, *map(_rules, RULE_TYPES), *map(_alias, ALIASES))

DRIVER = "openvswitch"
# The types that every driver knows, that one knows, that there are: the same, for there is one driver.
SETS = ("all_supported", "all_rules")


def list_rule_types(services: Services, request: Request) -> Response:
    """The types; who may list them is asked here, for they belong to nobody."""
    _require(services, request, "get_rule_type")
    wanted = _read_query(request, SETS)
    shown = [{"type": model.kind} for model in RULE_TYPES]
    return json_response({"rule_types": [_chosen(item, wanted) for item in shown]})


def show_rule_type(services: Services, request: Request) -> Response:
    _require(services, request, "get_rule_type:drivers")
    wanted = _read_query(request, ())
    for model in RULE_TYPES:
        if model.kind == request.params["type"]:
            driver = {"name": DRIVER, "supported_parameters": parameters(model)}
            return json_response({"rule_type": _chosen({"type": model.kind, "drivers": [driver]}, wanted)})
    raise NotFound("QosRuleTypeNotFound", f"QoS rule type {request.params['type']} could not be found.")


def _require(services: Services, request: Request, rule: str) -> None:
    if not services.policy.allows(rule, request.caller, lambda name: None):
        raise refusal(rule)


def _read_query(request: Request, filters: tuple[str, ...]) -> list[str]:
    """The attributes that the query asks for.  Raises `BadRequest` for a filter that there is not."""
    fields = []
    for name, text in request.query():
        if name == "fields":
            fields.append(text)
        elif name in filters:
            try:
                Bool().parse(text)
            except Invalid as reason:
                raise BadRequest("HTTPBadRequest", f"Invalid input for {name}. Reason: {reason}.") from None
        else:
            raise BadRequest(
                "HTTPBadRequest",
                f"Invalid filters ['{name}']: rule_types can be filtered by {', '.join(filters) or 'nothing'}",
            )
    return [field for field in fields if field]


def _chosen(item: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if not fields or name in fields}


ROUTES = [
    Route("GET", "/v2.0/qos/rule-types", list_rule_types, "get_rule_type", 200, "List the types of QoS rules", None,
          only(rule_types=several(some(type=TEXT))), {**dict.fromkeys(SETS, BOOL), "fields": several(TEXT)}),
    Route(
        "GET",
        "/v2.0/qos/rule-types/{type}",
        show_rule_type,
        "get_rule_type:drivers",
        summary="Show what the data plane supports of a type of QoS rules",
        reply=only(rule_type=some(type=TEXT, drivers=several(OBJECT))),
    ),
]  # fmt: skip
