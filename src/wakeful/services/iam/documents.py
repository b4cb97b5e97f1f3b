"""Policy documents as IAM takes and shows them."""

from __future__ import annotations

import re
from urllib.parse import quote

from wakeful.fabric.policy import PolicyError, PolicyKind, parse_policy
from wakeful.services.iam.errors import MalformedPolicyDocumentException

_WORDS = re.compile(r"[\t\n\r\u0020-\u00ff]+")
_SPACES = re.compile(r"\s+")


def check(document: str, kind: PolicyKind) -> None:
    """Raises MalformedPolicyDocumentException unless this is a policy of that kind."""
    if not _WORDS.fullmatch(document):
        raise MalformedPolicyDocumentException("Syntax errors in policy.")
    try:
        parse_policy(document, kind)
    except PolicyError as fault:
        raise MalformedPolicyDocumentException(str(fault)) from fault


def shown(document: str) -> str:
    """As answers have it: percent-encoded."""
    return quote(document, safe="")


def size_of(document: str) -> int:
    """Its characters but for white space, which quotas do not count."""
    return len(_SPACES.sub("", document))
