"""Service providers: who does a service, and what of it (Networking API v2.0, Service providers)."""

from __future__ import annotations

from dataclasses import dataclass

from heddle.model.flavor import ROUTERS


@dataclass(frozen=True, slots=True)
class ServiceProvider:
    """`driver` is the name that service profiles give it; `ha` and `distributed` are what its routers are."""

    name: str
    driver: str
    ha: bool
    distributed: bool
    service_type: str = ROUTERS
    default: bool = False


# Drivers are named as clients of the Networking API know them.
_L3 = "neutron.services.l3_router.service_providers"

PROVIDERS = (
    ServiceProvider("single_node", f"{_L3}.single_node.SingleNodeDriver", ha=False, distributed=False, default=True),
    ServiceProvider("ha", f"{_L3}.ha.HaDriver", ha=True, distributed=False),
    ServiceProvider("dvr", f"{_L3}.dvr.DvrDriver", ha=False, distributed=True),
    ServiceProvider("dvrha", f"{_L3}.dvrha.DvrHaDriver", ha=True, distributed=True),
)
BY_DRIVER = {provider.driver: provider for provider in PROVIDERS}
