"""Who there is, and which role a user has on what."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.identity import ApplicationCredential, Domain, Project, Role, User
from heddle.store.tables.kit import METADATA, number_column, table_for, text_column

domains = table_for(Domain, sa.UniqueConstraint("name"))
projects = table_for(Project, sa.UniqueConstraint("domain_id", "name"))
users = table_for(User, sa.UniqueConstraint("domain_id", "name"))
roles = table_for(Role, sa.UniqueConstraint("name"))
application_credentials = table_for(ApplicationCredential, sa.UniqueConstraint("user_id", "name"))

# `kind` is "project", "domain" or "system"; `target_id` is empty for the system.
role_assignments = sa.Table(
    "role_assignments",
    METADATA,
    text_column("user_id", 64, key=True),
    text_column("kind", 16, key=True),
    text_column("target_id", 64, key=True),
    text_column("role_id", 64, key=True),
    sa.Index("ix_role_assignments_target_id", "target_id"),
)

# Tokens that were revoked, until they would have expired (seconds since 1970); "of:ID": those of a project or a domain.
revoked_tokens = sa.Table("revoked_tokens", METADATA, text_column("audit_id", 64, key=True), number_column("expires"))

# Wrong guesses of a secret from an address: a hash of both, how many, the last one (milliseconds since 1970).
failed_logins = sa.Table(
    "failed_logins", METADATA, text_column("key", 64, key=True), number_column("failures"), number_column("last")
)

# What seals tokens, where servers may be on several machines; no backup holds them.
token_keys = sa.Table(
    "token_keys", METADATA, text_column("name", 8, key=True), number_column("created"), text_column("secret", 64)
)
