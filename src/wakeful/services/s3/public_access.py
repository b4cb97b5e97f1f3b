"""What "public" means, and what a bucket that blocks public access makes of it ("The meaning of 'public'").

Access control lists are off in every bucket here, so of the four settings the two about lists have nothing to block.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from wakeful import limits

EVERYTHING: Final[Mapping[str, bool]] = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
"""What is blocked in a new bucket, since 2023."""

_OPERATORS = ("stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress")
_KEYS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)
_IPV4_BITS_MIN = 8
_IPV6_BITS_MIN = 32
"""A range of addresses that is broader names everybody."""


@lru_cache(limits.S3_CONFIGURATIONS_CACHED_MAX)
def is_public(policy: str) -> bool:
    """Whether some statement allows anything to somebody who is not named, and under no condition that names them."""
    return any(
        statement["Effect"] == "Allow" and _is_open(statement) and not _is_narrowed(statement)
        for statement in _statements(policy)
    )


@lru_cache(limits.S3_CONFIGURATIONS_CACHED_MAX)
def restricted(policy: str, account: str) -> str:
    """A policy that allows the same, but to nobody except AWS's services and the bucket's own account."""
    statements: list[dict[str, Any]] = []
    for statement in _statements(policy):
        if statement["Effect"] != "Allow":
            statements.append(statement)
            continue
        for operator, key, value in (
            ("StringEquals", "aws:PrincipalAccount", account),
            ("Bool", "aws:PrincipalIsAWSService", "true"),
        ):
            narrowed = {name: part for name, part in statement.items() if name != "Sid"}
            conditions = {name: dict(part) for name, part in statement.get("Condition", {}).items()}
            # A condition on the same key holds beside ours only under another name of the same operator.
            spelling = operator if key not in conditions.get(operator, {}) else f"ForAnyValue:{operator}"
            conditions.setdefault(spelling, {})[key] = value
            statements.append({**narrowed, "Condition": conditions})
    return json.dumps({**json.loads(policy), "Statement": statements})


def _statements(policy: str) -> list[dict[str, Any]]:
    found = json.loads(policy)["Statement"]
    return found if isinstance(found, list) else [found]


def _is_open(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    if principal is None:  # NotPrincipal: everybody else
        return True
    named: Iterable[Any] = principal.values() if isinstance(principal, dict) else [principal]
    return any(not _is_fixed(value) for values in named for value in _listed(values))


def _is_narrowed(statement: Mapping[str, Any]) -> bool:
    for operator, conditions in statement.get("Condition", {}).items():
        if operator.lower().removeprefix("foranyvalue:") not in _OPERATORS:
            continue
        for key, values in conditions.items():
            if key.lower() in _KEYS and all(_is_few(key.lower(), value) for value in _listed(values)):
                return True
    return False


def _is_few(key: str, value: Any) -> bool:
    if key != "aws:sourceip":
        return _is_fixed(value)
    try:
        network = ipaddress.ip_network(str(value), strict=False)
    except ValueError:
        return False
    return network.prefixlen >= (_IPV4_BITS_MIN if network.version == 4 else _IPV6_BITS_MIN)


def _is_fixed(value: Any) -> bool:
    return not any(sign in str(value) for sign in ("*", "?", "${"))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
