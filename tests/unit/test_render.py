"""Answers with chosen attributes: what clients ask for is not remembered for ever."""

from __future__ import annotations

from heddle.api import render
from heddle.api.policy import Policy
from heddle.api.rights import Rights, no_parent
from heddle.model.caller import Caller
from heddle.model.network import Network

MEMBER = Caller(user_id="u", project_id="p", roles=frozenset(("member", "reader")))


def test_only_the_attributes_that_were_asked_for() -> None:
    rights = Rights(Policy(), MEMBER, Network)
    network = Network(id="n", name="front", project_id="p")
    assert render.render_one(rights, network, ["name", "tenant_id"], no_parent) == {"name": "front", "tenant_id": "p"}
    assert render.render_one(rights, network, ["no_such"], no_parent) == {}


def test_words_that_clients_make_up_fill_no_memory() -> None:
    rights = Rights(Policy(), MEMBER, Network)
    for number in range(2000):
        render.render_one(rights, Network(), [f"made-up-{number}"], no_parent)
    assert render._shape.cache_info().currsize <= 1024
