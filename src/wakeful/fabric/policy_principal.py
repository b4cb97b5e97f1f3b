"""Who asks, and whom a policy means: "AWS JSON policy elements: Principal" and "NotPrincipal"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

PrincipalKind = Literal["Account", "User", "AssumedRole", "FederatedUser", "Federated", "Service", "Anonymous"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request.

    `arn` is the user's, the session's or the account root's; for a service its name (`sns.amazonaws.com`), for someone
    whom an identity provider vouches for the provider's ARN or name. `role_arn` is the role of an assumed-role session.
    """

    kind: PrincipalKind
    arn: str
    account: str = ""
    role_arn: str = ""
    user_id: str = ""  # AIDA… of a user, AROA…:session of a session
    name: str = ""  # of a user
    tags: Mapping[str, str] = field(default_factory=dict)
    canonical_id: str = ""

    def context(self) -> dict[str, str]:
        """What "AWS global condition context keys" says of the principal, by lower-case key."""
        if self.kind == "Service":
            return {"aws:principalisawsservice": "true", "aws:principalservicename": self.arn}
        found: dict[str, str] = {"aws:principaltype": self.kind}
        if self.kind != "Anonymous":
            found |= {"aws:principalisawsservice": "false", "aws:principalarn": self.role_arn or self.arn}
            found |= {f"aws:principaltag/{name.lower()}": value for name, value in self.tags.items()}
        optional = {"aws:principalaccount": self.account, "aws:userid": self.user_id, "aws:username": self.name}
        return found | {key: value for key, value in optional.items() if value}


class Match(IntEnum):
    """How a policy means a principal, the vaguest first."""

    NONE = 0
    ACCOUNT = 1  # its account: the account's own policies decide further
    ANYONE = 2
    ROLE = 3  # the role of its session
    ITSELF = 4


@dataclass(frozen=True, slots=True)
class PrincipalElement:
    """Whom a statement means, or, for `NotPrincipal`, whom it does not mean."""

    is_negated: bool
    means_anyone: bool
    accounts: frozenset[str]
    arns: frozenset[str]  # and unique ids
    services: frozenset[str]
    federated: frozenset[str]
    canonical_ids: frozenset[str]

    def match(self, principal: Principal) -> Match:
        if self.is_negated:
            return Match.NONE if self._exempts(principal) else Match.ANYONE
        if self._names(principal):
            return Match.ITSELF
        if principal.kind == "AssumedRole" and (principal.role_arn in self.arns or _role_id(principal) in self.arns):
            return Match.ROLE
        if self.means_anyone:
            return Match.ANYONE
        return Match.ACCOUNT if self._means_account_of(principal) else Match.NONE

    def _names(self, principal: Principal) -> bool:
        match principal.kind:
            case "Service":
                return principal.arn in self.services
            case "Federated":
                return principal.arn in self.federated
            case "Account":
                return self._means_account_of(principal)
            case "Anonymous":
                return False
        return principal.arn in self.arns or (principal.kind == "User" and principal.user_id in self.arns)

    def _means_account_of(self, principal: Principal) -> bool:
        if principal.account in self.accounts:
            return True
        return bool(principal.canonical_id) and principal.canonical_id in self.canonical_ids

    def _exempts(self, principal: Principal) -> bool:
        """Everything that the principal is must be listed: a session, its role, and its account."""
        if self.means_anyone:
            return True
        if principal.kind in ("Service", "Federated", "Account", "Anonymous"):
            return self._names(principal)
        names = {principal.arn, principal.role_arn} - {""}
        return names <= self.arns and self._means_account_of(principal)


def _role_id(principal: Principal) -> str:
    return principal.user_id.partition(":")[0]
