"""Who calls: what a valid token says."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Caller:
    """`roles` are lower-case names, with those that they imply; `project_id` is "" without a project scope."""

    user_id: str = ""
    user_name: str = ""
    project_id: str = ""
    project_name: str = ""
    domain_id: str = ""
    user_domain_id: str = "default"
    project_domain_id: str = "default"
    roles: frozenset[str] = field(default_factory=frozenset)
    system: bool = False

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles


SYSTEM = Caller(
    user_id="heddle", user_name="heddle", roles=frozenset(("admin", "manager", "member", "reader")), system=True
)
