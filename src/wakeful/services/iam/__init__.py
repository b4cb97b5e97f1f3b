"""IAM and STS: who there is, what they may do, and sessions that stand for them. One package, two services."""

from __future__ import annotations

from pathlib import Path

from wakeful.fabric.service import RIGHTS_CHANGED, Service
from wakeful.services.iam import (
    inline_operations,
    needs,
    policy_operations,
    role_operations,
    sessions,
    simulate,
    sts_operations,
    user_operations,
)
from wakeful.services.iam.api import api
from wakeful.services.iam.api import sts as sts_api
from wakeful.services.iam.identities import IamIdentities
from wakeful.services.iam.keys import has_root_key, make_root_key

_SCHEMA = (Path(__file__).parent / "schema.sql").read_text()

service = Service(
    operations=api,
    schema=_SCHEMA,
    needs=needs.needs,
    resource=needs.resource,
    policies_changed=RIGHTS_CHANGED,
    identities=IamIdentities(),
    first=sessions.make_sealing_key,
)

sts = Service(
    operations=sts_api,
    schema=_SCHEMA,
    needs=sts_operations.needs,
    policy=sts_operations.trust_policy,
    policies_changed=RIGHTS_CHANGED,
)

__all__ = [
    "has_root_key",
    "inline_operations",
    "make_root_key",
    "policy_operations",
    "role_operations",
    "service",
    "simulate",
    "sts",
    "sts_operations",
    "user_operations",
]
