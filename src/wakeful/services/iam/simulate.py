"""The policy simulator: what somebody could do, and which statement says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wakeful.fabric import policy as evaluator
from wakeful.fabric.policy import Decision, Policy, PolicyError, PolicyKind, parse_policy
from wakeful.fabric.service import Call
from wakeful.services.iam import entities, inline, pages, policies
from wakeful.services.iam.api import api
from wakeful.services.iam.entities import Entity
from wakeful.services.iam.errors import InvalidInputException, NoSuchEntityException
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import iam as shapes

    Asked = shapes.SimulateCustomPolicyRequest | shapes.SimulatePrincipalPolicyRequest

_NOT_YET = ("OrderedOrganizationPolicyInputList", "PolicyExclusionList", "ResourceHandlingOption")


@dataclass(frozen=True, slots=True)
class _Named:
    """A policy, and as what answers name it."""

    policy: Policy
    id: str
    type: str


@dataclass(frozen=True, slots=True)
class _World:
    """Everything that one simulation takes into account, but for action and resource."""

    principal: evaluator.Principal
    identity: list[_Named]
    boundary: _Named | None
    resource: _Named | None
    resource_owner: str
    context: Mapping[str, Sequence[str]]


@api.reads
def simulate_custom_policy(
    call: Call, tx: Tx, request: shapes.SimulateCustomPolicyRequest
) -> shapes.SimulatePolicyResponse:
    """What policies allow that need not be anybody's yet."""
    principal = evaluator.Principal("User", request.get("CallerArn", call.principal.arn), call.account)
    return _answer(call, request, principal, [], None)


@api.reads
def simulate_principal_policy(
    call: Call, tx: Tx, request: shapes.SimulatePrincipalPolicyRequest
) -> shapes.SimulatePolicyResponse:
    """What a user, a group or a role could do, with the policies in the request besides its own."""
    source = entities.get_by_arn(tx, request["PolicySourceArn"])
    if source is None or source.account != call.account:
        raise NoSuchEntityException(f"The entity with ARN {request['PolicySourceArn']} cannot be found.")
    boundary = None
    if source.boundary is not None:
        document = policies.document_of(tx, source.account, source.boundary)
        boundary = _named(document or "", source.boundary.rsplit("/", 1)[1], "user-managed")
    return _answer(call, request, _principal(source, request), list(_policies_of(tx, source)), boundary)


def _principal(source: Entity, request: shapes.SimulatePrincipalPolicyRequest) -> evaluator.Principal:
    if "CallerArn" in request:
        return evaluator.Principal("User", request["CallerArn"], source.account, tags=source.tags)
    if source.kind == "role":
        session = f"arn:aws:sts::{source.account}:assumed-role/{source.name}/simulation"
        return evaluator.Principal("AssumedRole", session, source.account, role_arn=source.arn, tags=source.tags)
    return evaluator.Principal("User", source.arn, source.account, "", source.id, source.name, source.tags)


def _policies_of(tx: Tx, source: Entity) -> Iterator[_Named]:
    groups = entities.groups_of(tx, source) if source.kind == "user" else []
    for entity in (source, *groups):
        for name, document in inline.every(tx, entity).items():
            yield _named(document, f"{entity.kind}_{entity.name}_{name}", entity.kind)
        for arn in policies.attached_to(tx, entity):
            policy = policies.find(tx, entity.account, arn)
            version = policies.find_version(tx, policy, f"v{policy.default_version}")
            kind = "aws-managed" if policy.is_of_aws else "user-managed"
            yield _named(version.document, policy.name, kind)


def _answer(
    call: Call, request: Asked, principal: evaluator.Principal, own: list[_Named], boundary: _Named | None
) -> shapes.SimulatePolicyResponse:
    for parameter in _NOT_YET:
        if parameter in request:
            raise NotImplementedHere(f"Wakeful does not have {parameter} of the policy simulator yet.")
    given = [
        _named(document, f"PolicyInputList.{number}", "none")
        for number, document in enumerate(request.get("PolicyInputList", []), 1)
    ]
    for number, document in enumerate(request.get("PermissionsBoundaryPolicyInputList", []), 1):
        boundary = _named(document, f"PermissionsBoundaryPolicyInputList.{number}", "none")
    resource = None
    if "ResourcePolicy" in request:
        resource = _named(request["ResourcePolicy"], "ResourcePolicy", "resource", "resource")
    world = _World(
        principal=principal,
        identity=[*own, *given],
        boundary=boundary,
        resource=resource,
        resource_owner=request.get("ResourceOwner", call.account).removeprefix("arn:aws:iam::").removesuffix(":root"),
        context={
            str(entry.get("ContextKeyName")): entry.get("ContextKeyValues") or []
            for entry in request.get("ContextEntries", [])
        },
    )
    resources = request.get("ResourceArns", ["*"])
    results = [
        (f"{number:09d}", _result(world, action, arn))
        for number, (action, arn) in enumerate((action, arn) for action in request["ActionNames"] for arn in resources)
    ]
    found = pages.page_of_all(request, results, lambda each: each[0])
    return {"EvaluationResults": [result for _, result in found.items], **found.rest}  # type: ignore[typeddict-item]


def _result(world: _World, action: str, resource: str) -> shapes.EvaluationResult:
    asked = evaluator.Request(world.principal, action, resource, world.context, world.resource_owner)
    decision = evaluator.evaluate(
        asked,
        [named.policy for named in world.identity],
        world.resource.policy if world.resource is not None else None,
        world.boundary.policy if world.boundary is not None else None,
    )
    result: shapes.EvaluationResult = {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": decision.effect,
        "MatchedStatements": _matched(world, decision),
        "MissingContextValues": _missing(world, asked),
    }
    if world.boundary is not None:
        allowed = evaluator.evaluate(asked, [world.boundary.policy]).is_allowed
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
    return result


def _matched(world: _World, decision: Decision) -> list[shapes.Statement]:
    """The policy that has the statement which decided."""
    every = (*world.identity, world.boundary, world.resource)
    return [
        {"SourcePolicyId": named.id, "SourcePolicyType": named.type}
        for named in every
        if named is not None and any(statement is decision.statement for statement in named.policy.statements)
    ]


def _missing(world: _World, asked: evaluator.Request) -> list[str]:
    """Condition keys that the policies ask for and that nobody gave a value."""
    every = (*world.identity, world.boundary, world.resource)
    return sorted(
        {
            condition.key
            for named in every
            if named is not None
            for statement in named.policy.statements_on(asked.action.lower())
            for condition in statement.conditions
            if asked.lookup(condition.key) is None
        }
    )


def _named(document: str, policy_id: str, source: str, kind: PolicyKind = "identity") -> _Named:
    try:
        return _Named(parse_policy(document, kind), policy_id, source)
    except PolicyError as fault:
        raise InvalidInputException(f"Invalid policy document: {fault}") from fault
