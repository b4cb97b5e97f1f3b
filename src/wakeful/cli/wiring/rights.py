"""Who may: whether a resource's policy lets a service in, and what a role is meant to write to."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wakeful.cli.wiring.findings import compact
from wakeful.cli.wiring.model import Wiring
from wakeful.fabric import policy as evaluator
from wakeful.fabric.policy import Policy, PolicyError, PolicyKind, Principal, Request, parse_policy


def lets_in(policy: str | None, service: str, action: str, resource: str, source: str, account: str) -> bool:
    """Whether the service may do this on behalf of the source. A policy that cannot be read lets everybody in."""
    if policy is None:
        return False
    parsed = _parsed(policy, "resource")
    if parsed is None:
        return True
    context = {"aws:SourceArn": source, "aws:SourceAccount": account}
    asked = Request(Principal("Service", service), action, resource, context)
    return evaluator.evaluate(asked, resource=parsed).is_allowed


def role_may(wiring: Wiring, role: str, action: str, resource: str) -> bool:
    """Whether a role's own policies allow it. A role whose policies are not all known may."""
    documents = wiring.roles.get(role)
    if documents is None:
        return True
    policies = [_parsed(document, "identity") for document in documents]
    known = [each for each in policies if each is not None]
    if len(known) < len(policies):
        return True
    account = role.split(":")[4]
    session = f"arn:aws:sts::{account}:assumed-role/{role.rsplit('/', 1)[-1]}/doctor"
    who = Principal("AssumedRole", session, account, role_arn=role)
    return evaluator.evaluate(Request(who, action, resource, resource_account=account), known).is_allowed


def names(resources: Iterable[str], arn: str) -> bool:
    """Whether one of the resources of policies covers the ARN."""
    return any(fnmatch.fnmatchcase(arn, text.replace("[", "[[]")) for text in resources)


def named_resources(wiring: Wiring, role: str, action: str, *, is_named: bool = False) -> Iterator[str]:
    """The resources that the role's policies allow the action on, but for those that are only a wildcard.

    A right to everything tells of no intention; where the action has to be named, neither does one to every action.
    """
    for document in wiring.roles.get(role, ()):
        for statement in _statements(document):
            actions = [str(each).lower() for each in _listed(statement.get("Action"))]
            if is_named:
                actions = [each for each in actions if each.rpartition(":")[2].strip("*")]
            if statement.get("Effect") != "Allow" or not any(
                fnmatch.fnmatchcase(action.lower(), each) for each in actions
            ):
                continue
            yield from (text for text in map(str, _listed(statement.get("Resource"))) if _names_something(text))


def letting_in(policy: str | None, action: str, resource: str, senders: Iterable[tuple[str, str]]) -> str:
    """The policy of a resource with a statement for each service and source, besides those that it has."""
    statements: list[Any] = [
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": action,
            "Resource": resource,
            "Condition": {"ArnEquals": {"aws:SourceArn": source}},
        }
        for service, source in sorted(set(senders))
    ]
    return compact({"Version": "2012-10-17", "Statement": [*_statements(policy or ""), *statements]})


def _names_something(resource: str) -> bool:
    last = resource.split(":", 5)[-1].removeprefix("function:").removeprefix("event-bus/")
    return bool(re.search(r"[^*?:/]", last.partition("/")[0]))


def _statements(document: str) -> list[Mapping[str, Any]]:
    try:
        statements = _listed(json.loads(document).get("Statement"))
    except (ValueError, AttributeError):
        return []
    return [each for each in statements if isinstance(each, dict)]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _parsed(document: str, kind: PolicyKind) -> Policy | None:
    try:
        return parse_policy(document, kind)
    except PolicyError:
        return None
