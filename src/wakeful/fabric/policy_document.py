"""Reads IAM policy documents into statements that are quick to ask, and says in IAM's words what is wrong with one.

The grammar is that of "Grammar of the IAM JSON policy language". IAM checks a document in several passes, and the first
pass that fails gives the message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from wakeful.fabric.conditions import BadValue, Condition, Presence, UnknownOperator, compile_condition
from wakeful.fabric.policy_principal import PrincipalElement
from wakeful.fabric.policy_text import Text, without_regret

PolicyKind = Literal["identity", "managed", "resource", "trust"]
"""Inline policies of identities, managed policies, policies on resources, and trust policies of roles."""

_SYNTAX = "Syntax errors in policy."
_LEGACY = "The policy failed legacy parsing"
_VERSION = "2012-10-17"
_VERSIONS = (_VERSION, "2008-10-17")
_DOCUMENT_ELEMENTS = frozenset(("Version", "Id", "Statement"))
_STATEMENT_ELEMENTS = frozenset(
    ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
)
_PRINCIPAL_TYPES = frozenset(("AWS", "Service", "Federated", "CanonicalUser"))


class PolicyError(ValueError):
    """The document is no policy of its kind. The text is the reason that IAM gives."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `number` counts from one, as IAM names statements without a Sid."""

    sid: str
    number: int
    is_allow: bool
    principal: PrincipalElement | None
    actions: re.Pattern[str]
    is_action_negated: bool
    resources: tuple[Text, ...]
    is_resource_negated: bool
    conditions: tuple[Condition | Presence, ...]
    is_plain: bool  # only the principal, the action and the resource matter, not the rest of the request

    @property
    def name(self) -> str:
        return self.sid or f"statement {self.number}"

    def has_action(self, action: str) -> bool:
        """`action` in lower case."""
        return (self.actions.fullmatch(action) is not None) != self.is_action_negated


class Policy:
    """The statements of one document."""

    __slots__ = ("_by_action", "statements")

    def __init__(self, statements: tuple[Statement, ...]) -> None:
        self.statements = statements
        self._by_action: dict[str, tuple[Statement, ...]] = {}

    def statements_on(self, action: str) -> tuple[Statement, ...]:
        """Those that speak of the action, given in lower case; remembered, for actions come again and again."""
        found = self._by_action.get(action)
        if found is None:
            if len(self._by_action) > _ACTIONS_REMEMBERED_MAX:
                self._by_action.clear()
            found = self._by_action[action] = tuple(one for one in self.statements if one.has_action(action))
        return found


_ACTIONS_REMEMBERED_MAX = 4096


def parse_policy(document: str | Mapping[str, Any], kind: PolicyKind = "identity") -> Policy:
    """The policy, ready to be asked. Raises PolicyError."""
    try:
        parsed = json.loads(document) if isinstance(document, str) else document
    except (ValueError, RecursionError):
        raise PolicyError(_SYNTAX) from None
    statements = _check_syntax(parsed)
    has_variables = parsed.get("Version") == _VERSION
    if kind == "managed" and not has_variables:
        raise PolicyError(f"Policy document must be version {_VERSION} or greater.")
    conditions = [tuple(_conditions(statement, has_variables=has_variables)) for statement in statements]
    _check_legacy(statements, kind)
    _check_sids(statements, kind)
    for statement in statements:
        _check_elements(statement, kind)
    for statement in statements:
        _check_actions(statement, kind)
    principals = [_principal(statement, kind) for statement in statements]
    return Policy(
        tuple(
            _compiled(number, statement, principal, block, has_variables=has_variables)
            for number, (statement, principal, block) in enumerate(
                zip(statements, principals, conditions, strict=True), start=1
            )
        )
    )


def _compiled(
    number: int,
    statement: Mapping[str, Any],
    principal: PrincipalElement | None,
    conditions: tuple[Condition | Presence, ...],
    *,
    has_variables: bool,
) -> Statement:
    actions = _listed(statement.get("Action", statement.get("NotAction")))
    resources = tuple(Text(resource, has_variables=has_variables) for resource in _resources(statement))
    return Statement(
        sid=statement.get("Sid", ""),
        number=number,
        is_allow=statement["Effect"] == "Allow",
        principal=principal,
        actions=re.compile("|".join(_action_regex(action.lower()) for action in actions)),
        is_action_negated="NotAction" in statement,
        resources=resources,
        is_resource_negated="NotResource" in statement,
        conditions=conditions,
        is_plain=not conditions and not any(text.has_variables for text in resources),
    )


def _action_regex(action: str) -> str:
    return without_regret({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in action)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# --- first pass: the syntax -------------------------------------------------------------------------------------------


def _check_syntax(document: Any) -> list[Mapping[str, Any]]:
    if not isinstance(document, Mapping) or not document.keys() <= _DOCUMENT_ELEMENTS:
        raise PolicyError(_SYNTAX)
    if "Version" in document and document["Version"] not in _VERSIONS:
        raise PolicyError(_SYNTAX)
    if not isinstance(document.get("Id", ""), str):
        raise PolicyError(_SYNTAX)
    statements = _listed(document.get("Statement", []))
    if not statements:
        raise PolicyError(_SYNTAX)
    for statement in statements:
        _check_statement_syntax(statement)
    return statements


def _check_statement_syntax(statement: Any) -> None:
    if not isinstance(statement, Mapping) or not statement.keys() <= _STATEMENT_ELEMENTS:
        raise PolicyError(_SYNTAX)
    for name in ("Action", "Resource", "Principal"):
        if name in statement and f"Not{name}" in statement:
            raise PolicyError(_SYNTAX)
    if not isinstance(statement.get("Sid", ""), str):
        raise PolicyError(_SYNTAX)
    if str(statement.get("Effect")).lower() not in ("allow", "deny"):
        raise PolicyError(_SYNTAX)
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if not all(isinstance(text, str) for text in _listed(statement.get(name, []))):
            raise PolicyError(_SYNTAX)
    for name in ("Principal", "NotPrincipal"):
        if name in statement:
            _check_principal_syntax(statement[name])


def _check_principal_syntax(principal: Any) -> None:
    if isinstance(principal, str):
        if principal != "*":
            raise PolicyError(_SYNTAX)
        return
    if not isinstance(principal, Mapping) or not principal or not principal.keys() <= _PRINCIPAL_TYPES:
        raise PolicyError(_SYNTAX)
    if not all(isinstance(text, str) for texts in principal.values() for text in _listed(texts)):
        raise PolicyError(_SYNTAX)


def _conditions(statement: Mapping[str, Any], *, has_variables: bool) -> Iterator[Condition | Presence]:
    block = statement.get("Condition", {})
    if not isinstance(block, Mapping):
        raise PolicyError(_SYNTAX)
    for operator, keys in block.items():
        if not isinstance(keys, Mapping):
            raise PolicyError(_SYNTAX)
        for key, values in keys.items():
            texts = [_condition_value(value) for value in _listed(values)]
            try:
                yield compile_condition(operator, key, texts, has_variables=has_variables)
            except UnknownOperator:
                raise PolicyError(_SYNTAX) from None
            except BadValue as fault:
                raise PolicyError(_SYNTAX if fault.is_syntax else _LEGACY) from None


def _condition_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise PolicyError(_SYNTAX)


# --- further passes ---------------------------------------------------------------------------------------------------

_SID = re.compile(r"[0-9A-Za-z]*")
_VENDOR = re.compile(r"[a-zA-Z0-9.-]+")
_ROLE_ACTIONS = (
    "sts:assumerole",
    "sts:assumerolewithwebidentity",
    "sts:assumerolewithsaml",
    "sts:tagsession",
    "sts:setsourceidentity",
    "sts:setcontext",
)
_IAM_PATHS = (
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
)


def _check_legacy(statements: list[Mapping[str, Any]], kind: PolicyKind) -> None:
    for statement in statements:
        if statement["Effect"] not in ("Allow", "Deny"):
            raise PolicyError(_LEGACY)
        for resource in _resources(statement):
            is_short = resource.startswith("arn:") and len(_arn_parts(resource)) < 6
            if is_short and kind in ("identity", "managed"):
                raise PolicyError(_LEGACY)


def _check_sids(statements: list[Mapping[str, Any]], kind: PolicyKind) -> None:
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    if kind != "resource" and not all(_SID.fullmatch(sid) for sid in sids):
        raise PolicyError(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
            "[0-9A-Za-z]*"
        )
    if len(set(sids)) < len(sids):
        raise PolicyError("Statement IDs (SID) in a single policy must be unique.")


def _check_elements(statement: Mapping[str, Any], kind: PolicyKind) -> None:
    has_principal = "Principal" in statement or "NotPrincipal" in statement
    if kind in ("identity", "managed"):
        if has_principal:
            raise PolicyError("Policy document should not specify a principal.")
    elif not has_principal:
        raise PolicyError("Missing required field Principal")
    if not _listed(statement.get("Action", statement.get("NotAction", []))):
        raise PolicyError("Policy statement must contain actions.")
    if kind == "trust":
        for name in ("Resource", "NotResource"):
            if name in statement:
                raise PolicyError(f"Has prohibited field {name}")
    elif kind != "resource":
        resources = _resources(statement)
        if not resources:
            raise PolicyError("Policy statement must contain resources.")
        for resource in resources:
            _check_resource(resource)


def _resources(statement: Mapping[str, Any]) -> list[str]:
    return _listed(statement.get("Resource", statement.get("NotResource", [])))


def _check_resource(resource: str) -> None:
    """Raises PolicyError where IAM does not take this as a resource of an identity's policy."""
    if resource == "*":
        return
    parts = _arn_parts(resource)
    if parts[0] != "arn" or len(parts) < 6:
        raise PolicyError(f'Resource {resource} must be in ARN format or "*".')
    _, partition, service, region, account, path = parts
    if partition != "aws" and not _has_wildcard(partition):
        rest = ":".join((service, region, account, path))
        raise PolicyError(f'Partition "{partition}" is not valid for resource "arn:{partition}:{rest}".')
    if _has_wildcard(service):
        raise PolicyError("Resource vendor must be fully qualified and cannot contain regexes.")
    is_regional = region.strip("*?") != ""
    if service == "iam" and is_regional:
        raise PolicyError(f"IAM resource {resource} cannot contain region information.")
    if service == "s3" and is_regional and "/" not in path:
        raise PolicyError(f"Resource {resource} can not contain region information.")
    if service == "iam" and not path.startswith(_IAM_PATHS) and not _has_wildcard(path.partition("/")[0]):
        raise PolicyError(f'IAM resource path must either be "*" or start with {", ".join(_IAM_PATHS)}.')


def _arn_parts(resource: str) -> list[str]:
    """The six parts of an ARN; the colons of variables separate nothing."""
    hidden = re.sub(r"\$\{[^{}]*\}", lambda hit: hit[0].replace(":", "\0"), resource)
    return [part.replace("\0", ":") for part in hidden.split(":", 5)]


def _has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text or "${" in text


def _check_actions(statement: Mapping[str, Any], kind: PolicyKind) -> None:
    for action in _listed(statement.get("Action", statement.get("NotAction"))):
        if kind == "trust" and action.lower() not in _ROLE_ACTIONS:
            raise PolicyError("AssumeRole policy may only specify STS AssumeRole actions.")
        vendor, colon, rest = action.partition(":")
        if action == "*":
            continue
        if not colon:
            raise PolicyError("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
        if ":" in rest:
            raise PolicyError("Actions/Condition can contain only one colon.")
        if "*" in vendor or "?" in vendor:
            raise PolicyError("Action vendors (e.g., aws, ec2, etc.) must not contain wildcards.")
        if not _VENDOR.fullmatch(vendor):
            raise PolicyError(f"Vendor {vendor} is not valid")


# --- principals -------------------------------------------------------------------------------------------------------

_ACCOUNT = re.compile(r"[0-9]{12}")
_ACCOUNT_ROOT = re.compile(r"arn:[a-z0-9-]+:iam::([0-9]{12}):root")
_NAMED = re.compile(
    r"arn:[a-z0-9-]+:(?:iam::[0-9]{12}:(?:user|role)/[^*?]+|sts::[0-9]{12}:(?:assumed-role|federated-user)/[^*?]+)"
)
_UNIQUE_ID = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,124}")
_SERVICE = re.compile(r"[A-Za-z0-9.-]+\.amazonaws\.com(?:\.cn)?")
_COGNITO = "cognito-identity.amazonaws.com"


def _principal(statement: Mapping[str, Any], kind: PolicyKind) -> PrincipalElement | None:
    is_negated = "NotPrincipal" in statement
    element = statement.get("NotPrincipal", statement.get("Principal"))
    if element is None:
        return None
    if element == "*":
        if kind == "trust":
            raise PolicyError('AssumeRolepolicy contained an invalid principal: "STAR":"*".')
        element = {"AWS": "*"}
    aws = [text for text in _listed(element.get("AWS", [])) if text != "*"]
    accounts = {account for text in aws if (account := _account_of(text))}
    services = _listed(element.get("Service", []))
    federated = _listed(element.get("Federated", []))
    for text in aws:
        if not (_account_of(text) or _NAMED.fullmatch(text) or _UNIQUE_ID.fullmatch(text)):
            _refuse("AWS", text)
    for text in services:
        if not _SERVICE.fullmatch(text):
            _refuse("SERVICE", text)
    if kind == "trust" and _COGNITO in federated and not statement.get("Condition"):
        raise PolicyError("A condition block must be present for the Cognito provider")
    return PrincipalElement(
        is_negated=is_negated,
        means_anyone="*" in _listed(element.get("AWS", [])),
        accounts=frozenset(accounts),
        arns=frozenset(text for text in aws if not _account_of(text)),
        services=frozenset(services),
        federated=frozenset(federated),
        canonical_ids=frozenset(_listed(element.get("CanonicalUser", []))),
    )


def _account_of(text: str) -> str:
    """The account that the text names as a whole, or ""."""
    if _ACCOUNT.fullmatch(text):
        return text
    hit = _ACCOUNT_ROOT.fullmatch(text)
    return hit[1] if hit else ""


def _refuse(kind: str, text: str) -> NoReturn:
    raise PolicyError(f'Invalid principal in policy: "{kind}":"{text}"')
