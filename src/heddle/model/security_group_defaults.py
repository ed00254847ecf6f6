"""What new security groups begin with: templates of their rules, and whether they are stateful."""

from __future__ import annotations

from typing import Annotated, ClassVar

from heddle.model.fields import Bool, Text
from heddle.model.resource import GENERATED, Field, Resource
from heddle.model.security_group import Rule

_KEY = Field(Text(255, nullable=True), visible=False)
# In a template, the group that the rule is made for.
PARENT = "PARENT"


class DefaultSecurityGroupRule(Rule, kw_only=True):
    """A template of rules: those of each project's default group, of the groups that users make, or of both.

    `remote_group_id` may be `PARENT`.  `default_key` and `custom_key` are what it says, where it is for such groups:
    no other says the same to them.
    """

    member: ClassVar[str] = "default_security_group_rule"
    collection: ClassVar[str] = "default_security_group_rules"
    title: ClassVar[str] = "DefaultSecurityGroupRule"

    project_id: Annotated[str, Field(Text(255), create=True, default=GENERATED, visible=False, stored=False)] = ""
    used_in_default_sg: Annotated[bool, Field(Bool(), create=True, default=False, filter=True)] = False
    used_in_non_default_sg: Annotated[bool, Field(Bool(), create=True, default=True, filter=True)] = True
    default_key: Annotated[str | None, _KEY] = None
    custom_key: Annotated[str | None, _KEY] = None


class DefaultStatefulness(Resource, kw_only=True):
    """Whether new groups of a project, or with no project of all that have no setting of their own, are stateful.

    `place` is the project, or "": there is one setting for each.
    """

    member: ClassVar[str] = "security_groups_default_statefulness"
    collection: ClassVar[str] = "security_groups_default_statefulness"
    title: ClassVar[str] = "SecurityGroupDefaultStatefulness"

    project_id: Annotated[
        str | None, Field(Text(255, nullable=True), create=True, default=GENERATED, filter=True, sort=True)
    ] = None  # type: ignore[assignment]
    stateful: Annotated[bool, Field(Bool(), create=True, update=True, default=True, filter=True, sort=True)] = True
    place: Annotated[str, Field(Text(255), visible=False)] = ""
