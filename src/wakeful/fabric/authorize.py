"""May they? Policies of identities and of resources, asked for every call and every delivery.

    off      nobody is asked
    audit    what would be denied is told in the log and noted, and happens all the same
    enforce  what is denied does not happen

For a call count the policies of its principal (user, groups or role; boundary; session) and of the resource. A delivery
is made by a service, for which the target's own policy has to speak, or by a role.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from wakeful import limits, names
from wakeful.fabric import policy as evaluator
from wakeful.fabric.deliver import Delivery, Refused
from wakeful.fabric.policy import Decision, Policy, PolicyError, PolicyKind, parse_policy
from wakeful.fabric.policy_principal import PrincipalKind
from wakeful.fabric.service import RIGHTS_CHANGED, Call, IdentityPolicies, Need, Node, Principal, Resource, Service
from wakeful.store.telemetry import Note
from wakeful.store.tx import Tx
from wakeful.wire.errors import AccessDenied

if TYPE_CHECKING:
    from wakeful.fabric.trace import Trace

log = logging.getLogger(__name__)

_KINDS: Mapping[str, PrincipalKind] = {
    "root": "Account",
    "user": "User",
    "role": "AssumedRole",
    "service": "Service",
    "anonymous": "Anonymous",
}

# What a delivery does, by the target's service.
_DEFAULT_BUS = "event-bus/default"
_LINKED = frozenset({"kinesisreplication.dynamodb.amazonaws.com"})
"""Services with a role of their own in every account, which lets them deliver there ("Using service-linked roles")."""

_DELIVERING: Mapping[str, tuple[str, ...]] = {
    "events": ("events:PutEvents",),
    "firehose": ("firehose:PutRecord",),
    "kinesis": ("kinesis:PutRecord",),
    "lambda": ("lambda:InvokeFunction",),
    "logs": ("logs:CreateLogStream", "logs:PutLogEvents"),
    "sns": ("sns:Publish",),
    "sqs": ("sqs:SendMessage",),
}


@dataclass(frozen=True, slots=True)
class _Target:
    """A resource, and what its own policy says."""

    resource: Resource
    policy: Policy | None


@dataclass(slots=True, eq=False)
class _Rights:
    """Everything that is said about one principal, compiled. `allowed` remembers what it may do for sure."""

    principal: evaluator.Principal
    identity: tuple[Policy, ...]
    boundary: Policy | None
    session: tuple[Policy, ...] | None
    allowed: dict[tuple[str, str], _Target] = field(default_factory=dict)

    def remembers(self, need: Need, target: _Target) -> bool:
        known = self.allowed.get((need.action, need.resource))
        return known is not None and known.policy is target.policy and known.resource == target.resource

    def remember(self, need: Need, target: _Target) -> None:
        if len(self.allowed) >= limits.DECISIONS_REMEMBERED_MAX:
            self.allowed.clear()
        self.allowed[need.action, need.resource] = target


class Authorizer:
    """One for each node. `denial_count` is of all denials so far, those that were only watched among them."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._mode = node.config.iam_mode
        self._identities = next((s.identities for s in node.services.values() if s.identities is not None), None)
        self._told: dict[tuple[str, ...], tuple[float, int]] = {}
        self.denial_count = 0

    async def check_call(self, call: Call, needs: Sequence[Need]) -> None:
        """Raises AccessDenied for the first need that the caller may not have."""
        if self._mode == "off" or self._identities is None:
            return
        principal = call.principal
        if self._mode == "audit" and principal.kind == "root" and _are_of(principal.account, needs):
            return  # what a root may not do in its own account, only a resource's policy can say, and that is rare
        rights = await self._node.caches.get(RIGHTS_CHANGED, principal, lambda: self._rights(principal))
        for need in needs:
            target = await self._target(need)
            if rights.remembers(need, target):
                continue
            if need.known is not None:
                known = await self._node.store.read(need.known)
                need = replace(need, context={**need.context, **known})
            self._check(call, need, target, rights)

    def check_delivery(self, tx: Tx, delivery: Delivery) -> None:
        """Raises Refused where neither the target's policy nor the giving role's policies allow it."""
        if self._mode == "off" or self._identities is None:
            return
        target = names.parse_arn(delivery.target_arn)
        service = target.service
        if target.resource == _DEFAULT_BUS and not delivery.principal.startswith("arn:"):
            return  # events of AWS services reach the default bus of their account without anybody's leave
        if delivery.principal in _LINKED and target.account == delivery.account:
            return
        for action in _DELIVERING[service]:
            self._check_action(tx, delivery, service, Need(action, delivery.target_arn))

    def _check_action(self, tx: Tx, delivery: Delivery, service: str, need: Need) -> None:
        assert self._identities is not None
        target = _read_target(tx, self._node.services.get(service), need.resource)
        principal = _giver(delivery)
        rights = _compiled(principal, self._identities.policies(tx, principal))
        context = {
            "aws:SourceArn": delivery.source_arn,
            "aws:SourceAccount": delivery.account,
            **_time_keys(tx.now),
        }
        request, decision = _evaluate(rights, need, target, context)
        if decision.is_allowed:
            return
        reason = evaluator.denial_message(request, decision)
        self.denial_count += 1
        if self._mode == "enforce":
            raise Refused(reason, "NO_PERMISSIONS")
        self._tell(rights.principal, need, reason)
        tx.note(_note(delivery.effects, delivery.account, need, rights.principal, reason, tx.now))

    def is_news(self, *key: str) -> bool:
        """Whether this was not told within the last minute or so; if so, it counts as told."""
        return self._times_untold(key) is not None

    # --- calls ---

    async def _rights(self, principal: Principal) -> _Rights:
        assert self._identities is not None
        return _compiled(principal, await self._node.store.read(self._identities.policies, principal))

    async def _target(self, need: Need) -> _Target:
        """What the policy of the resource says for the service whose action this is."""
        service = self._node.services.get(need.action.partition(":")[0])
        if service is None or (service.policy is None and service.resource is None):
            return _Target(Resource(need.resource), None)

        async def read() -> _Target:
            return await self._node.store.read(_read_target, service, need.resource)

        if not service.policies_changed:
            return await read()
        return await self._node.caches.get(service.policies_changed, (service.name, need.resource), read)

    def _check(self, call: Call, need: Need, target: _Target, rights: _Rights) -> None:
        request, decision = _evaluate(rights, need, target, self._context(call, need, target))
        if decision.is_allowed:
            if decision.is_stable:
                rights.remember(need, target)
            return
        self.denial_count += 1
        message = _message(request, decision)
        if self._mode == "enforce":
            raise AccessDenied(message)
        self._tell(rights.principal, need, message)
        trace = call.effects
        note = _note(trace, call.account, need, rights.principal, message, self._node.clock.now())
        self._node.telemetry.note(note)

    def _context(self, call: Call, need: Need, target: _Target) -> dict[str, str | Sequence[str]]:
        """The keys of "AWS global condition context keys" that a request has beside those of its principal."""
        context: dict[str, str | Sequence[str]] = {
            "aws:SourceIp": call.source_ip,
            "aws:RequestedRegion": call.region,
            "aws:SecureTransport": "true" if call.endpoint.startswith("https:") else "false",
            "aws:ResourceAccount": target.resource.account or _account_in(target.resource.arn) or call.account,
            **_time_keys(self._node.clock.now()),
        }
        principal = call.principal
        if principal.kind == "service":
            context["aws:SourceAccount"] = principal.account
        if principal.session is not None:
            context["aws:TokenIssueTime"] = _iso(principal.session.issued)
            context["aws:MultiFactorAuthPresent"] = "false"
            if principal.session.source_identity is not None:
                context["aws:SourceIdentity"] = principal.session.source_identity
        context.update(need.context)
        return context

    # --- telling ---

    def _tell(self, principal: evaluator.Principal, need: Need, message: str) -> None:
        untold = self._times_untold((principal.arn, need.action, need.resource))
        if untold is not None:
            more = f" (and {untold} times more in the last minute)" if untold else ""
            log.warning("would be denied: %s%s", message, more)

    def _times_untold(self, key: tuple[str, ...]) -> int | None:
        """How often it came up without being told since it was told last; None where that is no minute ago."""
        now = self._node.clock.now()
        told, untold = self._told.get(key, (-limits.DENIAL_TOLD_S, 0))
        if now - told < limits.DENIAL_TOLD_S:
            self._told[key] = (told, untold + 1)
            return None
        if len(self._told) >= limits.DENIALS_REMEMBERED_MAX:
            self._told.clear()
        self._told[key] = (now, 0)
        return untold


async def check_call(node: Node, call: Call, needs: Sequence[Need]) -> None:
    """Raises AccessDenied for the first need that the caller may not have."""
    await node.authorizer.check_call(call, needs)


def _evaluate(
    rights: _Rights, need: Need, target: _Target, context: Mapping[str, str | Sequence[str]]
) -> tuple[evaluator.Request, Decision]:
    request = evaluator.Request(rights.principal, need.action, target.resource.arn, context, target.resource.account)
    gives_nothing = need.is_owners and not request.is_within_account
    decision = evaluator.evaluate(
        request,
        rights.identity,
        None if gives_nothing else target.policy,
        rights.boundary,
        rights.session,
        is_resource_policy_decisive=need.action.startswith("sts:"),  # nobody assumes a role that does not trust them
    )
    return request, decision


def _message(request: evaluator.Request, decision: Decision) -> str:
    message = evaluator.denial_message(request, decision)
    # STS gives no reason.
    return message.partition(" because ")[0] if request.action.startswith("sts:") else message


def _read_target(tx: Tx, service: Service | None, arn: str) -> _Target:
    resource = service.resource(tx, arn) if service is not None and service.resource is not None else Resource(arn)
    text = service.policy(tx, resource.arn) if service is not None and service.policy is not None else None
    return _Target(resource, _parsed(text, "resource") if text is not None else None)


def _giver(delivery: Delivery) -> Principal:
    """A service, or the role in whose name it delivers."""
    if not delivery.principal.startswith("arn:"):
        return Principal("service", delivery.principal, delivery.account)
    role = names.parse_arn(delivery.principal)
    session = f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{names.parse_arn(delivery.source_arn).name}"
    return Principal("role", session, role.account, role_arn=delivery.principal)


def _compiled(principal: Principal, policies: IdentityPolicies) -> _Rights:
    kind = _KINDS[principal.kind]
    asked = evaluator.Principal(
        kind=kind,
        arn=principal.arn,
        account=principal.account,
        role_arn=principal.role_arn or "",
        user_id=principal.id,
        name=principal.arn.rsplit("/", 1)[-1] if kind == "User" else "",
        tags=policies.tags,
    )
    return _Rights(
        principal=asked,
        identity=_all_parsed(policies.identity),
        boundary=_parsed(policies.boundary, "identity") if policies.boundary is not None else None,
        session=_all_parsed(policies.session) if policies.session is not None else None,
    )


def _all_parsed(documents: Sequence[str]) -> tuple[Policy, ...]:
    parsed = (_parsed(document, "identity") for document in documents)
    return tuple(policy for policy in parsed if policy is not None)


@lru_cache(limits.POLICIES_COMPILED_MAX)
def _parsed(document: str, kind: PolicyKind) -> Policy | None:
    try:
        return parse_policy(document, kind)
    except PolicyError as fault:
        log.warning("a policy is stored that cannot be read and so allows nothing: %s", fault)
        return None


def _note(trace: Trace, account: str, need: Need, principal: evaluator.Principal, reason: str, at: float) -> Note:
    """What would have been denied, in the story that it belongs to."""
    return Note(
        id=names.new_uuid(),
        trace=trace.id,
        cause=trace.cause,
        hops=trace.hops,
        kind="denial",
        name=need.action,
        resource=need.resource,
        account=account,
        at=at,
        status="AccessDenied",
        detail={"principal": principal.arn, "reason": reason, "mode": "audit"},
    )


def _time_keys(now: float) -> dict[str, str]:
    return {"aws:CurrentTime": _iso(now), "aws:EpochTime": str(int(now))}


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _are_of(account: str, needs: Sequence[Need]) -> bool:
    return all(_account_in(need.resource) in ("", account) for need in needs)


def _account_in(arn: str) -> str:
    """The account that an ARN names; "" where it names none, as S3's do not."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""
