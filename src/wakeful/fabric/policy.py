"""May this principal do this to that? IAM's answer, with the statement that gave it.

The order is that of "Policy evaluation logic": an explicit deny anywhere ends it; within an account an identity-based
or a resource-based policy may allow, across accounts both must; permissions boundaries and session policies limit what
identity-based policies give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from wakeful.fabric.policy_document import Policy, PolicyError, PolicyKind, Statement, parse_policy
from wakeful.fabric.policy_principal import Match, Principal

__all__ = [
    "Decision",
    "Policy",
    "PolicyError",
    "PolicyKind",
    "Principal",
    "Request",
    "Statement",
    "denial_message",
    "evaluate",
    "parse_policy",
]

Effect = Literal["allowed", "explicitDeny", "implicitDeny"]
"""As SimulatePrincipalPolicy calls them."""

Source = Literal["identity-based policy", "resource-based policy", "permissions boundary", "session policy", "account"]
"""Which kind of policy decided; the account itself for its root user."""


@dataclass(slots=True)
class Request:
    """What somebody wants to do. `action` is IAM's name for it, such as `sqs:SendMessage`.

    `context` holds the condition keys beside those that the principal brings along, with one value or several, in any
    case. `resource_account` is needed where the ARN has no account, as S3's have none.
    """

    principal: Principal
    action: str
    resource: str
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    resource_account: str = ""
    _values: dict[str, tuple[str, ...]] | None = field(default=None, init=False, repr=False)

    def lookup(self, key: str) -> tuple[str, ...] | None:
        """The values of a condition key, by its lower-case name."""
        if self._values is None:
            self._values = {key: (value,) for key, value in self.principal.context().items()}
            for name, value in self.context.items():
                self._values[name.lower()] = (value,) if isinstance(value, str) else tuple(value)
        return self._values.get(key)

    @property
    def is_within_account(self) -> bool:
        """Whether the principal belongs to the account that owns the resource."""
        account = self.resource_account or _account_of(self.resource)
        return account in ("", "aws", self.principal.account)


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, which kind of policy gave it, and the statement if it was one.

    `is_stable` says that only the principal, the action and the resource mattered, so that the answer may be kept for
    as long as the policies stay.
    """

    effect: Effect
    source: Source
    statement: Statement | None = None
    is_stable: bool = False

    @property
    def is_allowed(self) -> bool:
        return self.effect == "allowed"


def evaluate(
    request: Request,
    identity: Iterable[Policy] = (),
    resource: Policy | None = None,
    boundary: Policy | None = None,
    session: Iterable[Policy] | None = None,
    *,
    is_resource_policy_decisive: bool = False,
) -> Decision:
    """Whether the request is allowed.

    `session` is None where the session was started without policies. `is_resource_policy_decisive` is for what its own
    policy must always allow, such as a role that is to be assumed.
    """
    found = _Findings(request, tuple(identity), resource, boundary, session)
    effect, source, statement = found.denial or found.verdict(is_decisive=is_resource_policy_decisive)
    return Decision(effect, source, statement, found.is_stable)


_Verdict = tuple[Effect, Source, Statement | None]


class _Findings:
    """What the policies say of one request: what denies, and what each kind of policy allows."""

    __slots__ = (
        "_boundary_allows",
        "_identity",
        "_match",
        "_request",
        "_resource",
        "_session_allows",
        "denial",
        "is_stable",
    )

    def __init__(
        self,
        request: Request,
        identity: tuple[Policy, ...],
        resource: Policy | None,
        boundary: Policy | None,
        session: Iterable[Policy] | None,
    ) -> None:
        self._request = request
        self.is_stable = True
        self.denial: _Verdict | None = None
        self._resource, self._match = self._ask((resource,) if resource else (), "resource-based policy")
        self._identity, _ = self._ask(identity, "identity-based policy")
        self._boundary_allows = boundary is None or self._ask((boundary,), "permissions boundary")[0] is not None
        self._session_allows = session is None or self._ask(session, "session policy")[0] is not None

    def verdict(self, *, is_decisive: bool) -> _Verdict:
        """The verdict where nothing denies."""
        kind = self._request.principal.kind
        is_within_account = self._request.is_within_account
        if kind in ("Service", "Anonymous", "Federated"):
            return "allowed" if self._resource else "implicitDeny", "resource-based policy", self._resource
        if self._resource is None and (is_decisive or not is_within_account):
            return "implicitDeny", "resource-based policy", None
        if kind == "Account":
            return "allowed", "account", self._resource
        is_named = self._match == Match.ITSELF or (self._match == Match.ANYONE and kind != "AssumedRole")
        if is_within_account and is_named:
            # Whoever is named directly needs nothing else, not even their boundary's consent.
            return "allowed", "resource-based policy", self._resource
        if is_within_account and self._match >= Match.ANYONE:
            return self._limit() or ("allowed", "resource-based policy", self._resource)
        # A policy that names the account leaves the decision to the account's own policies.
        if self._identity is None:
            return "implicitDeny", "identity-based policy", None
        return self._limit() or ("allowed", "identity-based policy", self._identity)

    def _limit(self) -> _Verdict | None:
        if not self._boundary_allows:
            return "implicitDeny", "permissions boundary", None
        if not self._session_allows:
            return "implicitDeny", "session policy", None
        return None

    def _ask(self, policies: Iterable[Policy], source: Source) -> tuple[Statement | None, Match]:
        """The statement that allows, if one does, and how it means the principal. A denial is noted."""
        request = self._request
        action = request.action.lower()
        allowing: Statement | None = None
        best = Match.NONE
        for policy in policies:
            for statement in policy.statements_on(action):
                match = Match.ITSELF if statement.principal is None else statement.principal.match(request.principal)
                if match == Match.NONE:
                    continue
                self.is_stable = self.is_stable and statement.is_plain
                if not _applies(statement, request):
                    continue
                if not statement.is_allow:
                    self.denial = self.denial or ("explicitDeny", source, statement)
                elif match > best:
                    allowing, best = statement, match
        return allowing, best


def _applies(statement: Statement, request: Request) -> bool:
    lookup = request.lookup
    if statement.resources:
        is_covered = any(text.matches(request.resource, "resource", lookup) for text in statement.resources)
        if is_covered == statement.is_resource_negated:
            return False
    return all(condition.holds(lookup) for condition in statement.conditions)


def _account_of(arn: str) -> str:
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


# --- messages ---------------------------------------------------------------------------------------------------------


def denial_message(request: Request, decision: Decision, resource_policy: str = "resource-based policy") -> str:
    """What the caller is told, as "Troubleshoot access denied error messages" has it.

    `resource_policy` names the resource's policy where it has a name of its own, such as "role trust policy".
    """
    source = resource_policy if decision.source == "resource-based policy" else decision.source
    if decision.effect == "explicitDeny":
        reason = f"with an explicit deny in {'an' if source[0] in 'aeiou' else 'a'} {source}"
    else:
        reason = f"because no {source} allows the {request.action} action"
    user = request.principal.arn if request.principal.kind != "Anonymous" else "anonymous"
    return f"User: {user} is not authorized to perform: {request.action} on resource: {request.resource} {reason}"
