"""What RBAC entries can give to a project: which actions on objects of which type (Networking API v2.0, RBAC).

An entry lets its target, a project or everybody (`*`), do something with one object of another project.  A field of
a resource that says whether somebody has such access declares it with one of the values below.
"""

from __future__ import annotations

from dataclasses import dataclass

EVERYBODY = "*"
ACCESS_AS_SHARED = "access_as_shared"
ACCESS_AS_EXTERNAL = "access_as_external"


@dataclass(frozen=True, slots=True)
class Access:
    """`object_type` is the word that entries use.

    A field declared with it says whether the caller's project has the access, by an entry of its own or one for
    everybody.  With `callers` it says whether anybody has, and the field of that name whether the caller's project.
    """

    object_type: str
    action: str
    callers: str = ""


NETWORK_SHARED = Access("network", ACCESS_AS_SHARED)
NETWORK_EXTERNAL = Access("network", ACCESS_AS_EXTERNAL)
NETWORK_EXTERNAL_TO_SOME = Access("network", ACCESS_AS_EXTERNAL, callers="external_access")
GROUP_SHARED = Access("security_group", ACCESS_AS_SHARED)
SUBNET_POOL_SHARED = Access("subnetpool", ACCESS_AS_SHARED)
ADDRESS_GROUP_SHARED = Access("address_group", ACCESS_AS_SHARED)
ADDRESS_SCOPE_SHARED = Access("address_scope", ACCESS_AS_SHARED)
QOS_POLICY_SHARED = Access("qos_policy", ACCESS_AS_SHARED)

# The actions that there are on objects of each type.
ACTIONS = {
    "network": (ACCESS_AS_SHARED, ACCESS_AS_EXTERNAL),
    "security_group": (ACCESS_AS_SHARED,),
    "subnetpool": (ACCESS_AS_SHARED,),
    "address_scope": (ACCESS_AS_SHARED,),
    "address_group": (ACCESS_AS_SHARED,),
    "qos_policy": (ACCESS_AS_SHARED,),
}


def targets_of(project_id: str) -> tuple[str, ...]:
    """The targets of entries that a project may use."""
    return (EVERYBODY, project_id) if project_id else (EVERYBODY,)
