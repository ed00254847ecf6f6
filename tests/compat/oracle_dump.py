"""Dumps neutron-lib's API definitions as JSON, run by a Python that has neutron-lib (requirements/oracle.txt).

Standard input: `{"aliases": [...], "probes": [...]}`.  Standard output, by collection and attribute: what the
definitions of those extensions and of the core say, merged, and for each probe value whether it is accepted.
"""

from __future__ import annotations

import copy
import importlib
import json
import pkgutil
import sys
from typing import Any

from neutron_lib import constants
from neutron_lib.api import definitions, validators
from oslo_config import cfg

CORE = ("network", "subnet", "subnetpool", "port", "l3", "floating_ip_port_forwarding")
FLAGS = ("allow_post", "allow_put", "is_filter", "is_sort_key", "is_visible", "enforce_policy")


def merged(aliases: set[str]) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """The attributes by collection, and which of the aliases neutron-lib defines."""
    found: dict[str, dict[str, Any]] = {}
    known = set()
    names = [module.name for module in pkgutil.iter_modules(definitions.__path__)]
    for name in sorted(names, key=lambda name: (name not in CORE, name)):
        module = importlib.import_module(f"{definitions.__name__}.{name}")
        if not hasattr(module, "ALIAS") or (name not in CORE and module.ALIAS not in aliases):
            continue
        known.add(module.ALIAS)
        nested = getattr(module, "SUB_RESOURCE_ATTRIBUTE_MAP", None) or {}
        parts = {collection: sub["parameters"] for collection, sub in nested.items()}
        for collection, attributes in (parts | (module.RESOURCE_ATTRIBUTE_MAP or {})).items():
            for name, spec in attributes.items():
                if isinstance(spec, dict):
                    found.setdefault(collection, {})[name] = dict(spec)
    return found, known


def accepts(spec: dict[str, Any], value: Any) -> bool:
    """Whether a request may give this value: it is converted first, then validated; a failure of either refuses it."""
    value = copy.deepcopy(value)
    try:
        if spec.get("convert_to"):
            value = spec["convert_to"](value)
        return not any(validators.get_validator(rule)(value, arg) for rule, arg in (spec.get("validate") or {}).items())
    except Exception:
        return False


def default_of(spec: dict[str, Any]) -> Any:
    if "default" not in spec:
        return {"required": bool(spec.get("allow_post"))}
    if spec["default"] is constants.ATTR_NOT_SPECIFIED:
        return {"generated": True}
    return {"value": spec["default"]}


def main() -> None:
    options = [
        cfg.IntOpt("max_allowed_address_pair", default=10),
        cfg.StrOpt("dns_domain", default="openstacklocal"),
        cfg.StrOpt("base_mac", default="fa:16:3e:00:00:00"),
    ]
    cfg.CONF.register_opts(options)
    asked = json.load(sys.stdin)
    found, known = merged(set(asked["aliases"]))
    answer = {
        collection: {
            name: {
                **{flag: bool(spec.get(flag)) for flag in FLAGS},
                "default": default_of(spec),
                "validate": sorted(spec.get("validate") or {}),
                "accepted": [accepts(spec, value) for value in asked["probes"]],
            }
            for name, spec in attributes.items()
        }
        for collection, attributes in found.items()
    }
    json.dump({"known": sorted(known), "resources": answer}, sys.stdout, default=str)


if __name__ == "__main__":
    main()
