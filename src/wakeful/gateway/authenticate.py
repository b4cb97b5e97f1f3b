"""Who asks: the access key in a request, checked against what we know of it.

A known key's signature is always verified. An unknown key is refused, except by an open node: one on loopback that was
given no root key. There it stands for the root of an account: the one it names, if it is twelve digits, else the
default one. Out of a sandbox an unknown key never stands for more than the function that runs there.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from wakeful import limits, names
from wakeful.fabric.service import CREDENTIALS_CHANGED, Credential, Node, Principal, Sessions
from wakeful.gateway import pages
from wakeful.gateway.bodies import whole
from wakeful.wire import credential as claims
from wakeful.wire import signature
from wakeful.wire.chunked import Body, is_chunked
from wakeful.wire.errors import AwsError, ExpiredToken, MissingAuthenticationToken, UnknownAccessKey
from wakeful.wire.message import HttpRequest
from wakeful.wire.target import Target

ANONYMOUS = Principal("anonymous", "*", "anonymous")

_ACCOUNT = re.compile(r"\d{12}")


class InvalidToken(AwsError):
    """The provided token is malformed or otherwise invalid."""

    status = 400


class ForeignPage(AwsError):
    """A web page from elsewhere may not use this node: it takes any key, and is for this machine alone. Sign with an
    access key that was made here."""

    code = "AccessDenied"
    status = 403


class Origin(Protocol):
    """The environment a request came out of."""

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
        self._identities = next((s.identities for s in node.services.values() if s.identities is not None), None)
        self._sessions: Sessions | None = None
        self._uses: dict[str, float] = {}

    async def admit(
        self,
        http: HttpRequest,
        pieces: AsyncIterator[bytes] | None,
        target: Target,
        origin: Origin | None,
        *,
        address: str | None = None,
    ) -> Identity:
        """Who asks. Raises AwsError for whom we do not believe.

        Afterwards the request has its body: whole and checked, or for an operation that takes it piece by piece a
        stream that is checked while it is read. `pieces` is None where the body was read before; `address` is the path
        with S3's bucket in it, wherever the client put the bucket.
        """
        claim, fault = _claim_in(http)
        known = await self._known(claim, target) if claim is not None else None
        secret = known.secret_key if known is not None else None
        if known is None and origin is None and self._node.config.is_loopback and pages.is_from_elsewhere(http):
            raise ForeignPage()
        if fault is not None and not (claim is not None and secret is None and await self._believes(origin)):
            raise fault
        assert target.operation is not None
        bytes_max = self._node.services[target.service].body_bytes_max
        if pieces is not None and (target.operation.streams_in or target.service == "s3" or is_chunked(http)):
            http.stream = Body(http, pieces, claim, secret, has_checksum=target.operation.has_checksum)
        elif pieces is not None:
            http.body = await whole(pieces, bytes_max)
        if claim is not None and secret is not None:
            await self._verify(http, claim, secret, target, address)
        elif claim is not None and claim.is_presigned:
            signature.check_time(http, claim, self._node.clock.wall())
        if http.stream is not None and not target.operation.streams_in:
            http.body, http.stream = await whole(http.stream, bytes_max), None
        return await self._identity(claim, known, target, origin)

    async def root_of(self, http: HttpRequest) -> str | None:
        """The account whose root signed the request, whose body is complete; None where none did."""
        claim = claims.parse(http)
        known = await self._known(claim, None) if claim is not None else None
        if claim is None or known is None or known.principal.kind != "root":
            return None
        signature.verify(http, claim, known.secret_key, self._node.clock.wall())
        return known.principal.account

    async def is_open(self) -> bool:
        """Whether unknown keys are taken: on loopback, as long as nobody has made a root's key."""
        identities = self._identities
        if not self._node.config.is_loopback:
            return False
        if identities is None:
            return True
        return not await self._node.caches.get(
            CREDENTIALS_CHANGED, "has root key", lambda: self._node.store.read(identities.has_root_key)
        )

    async def _verify(
        self, http: HttpRequest, claim: claims.Credential, secret: str, target: Target, address: str | None
    ) -> None:
        assert target.model is not None
        digest = None
        if http.stream is None and len(http.body) > limits.HASHED_AT_ONCE_BYTES_MAX:
            digest = await signature.hash_body(http.body)
        signature.verify(
            http,
            claim,
            secret,
            self._node.clock.wall(),
            service=target.model.signing_name,
            body_sha256=digest,
            path=address,
        )

    async def _identity(
        self, claim: claims.Credential | None, known: Credential | None, target: Target, origin: Origin | None
    ) -> Identity:
        if claim is None:
            if target.name in self._node.services[target.service].unsigned:
                return Identity(ANONYMOUS, names.DEFAULT_REGION)
            raise MissingAuthenticationToken()
        region = claim.scope.region or names.DEFAULT_REGION  # the older signatures of S3 name none
        if known is not None:
            await self._note_use(known, claim)
            return Identity(known.principal, region)
        if origin is not None:
            return Identity(origin.principal, region)
        if not await self._believes(origin):
            raise _unknown(claim, target)
        account = claim.access_key_id if _ACCOUNT.fullmatch(claim.access_key_id) else names.DEFAULT_ACCOUNT
        return Identity(Principal("root", f"arn:aws:iam::{account}:root", account, account), region)

    async def _believes(self, origin: Origin | None) -> bool:
        """Whether keys that nobody knows are taken."""
        return origin is not None or await self.is_open()

    # --- what is known of a key ---

    async def _known(self, claim: claims.Credential, target: Target | None) -> Credential | None:
        """The credential that is claimed; None for one that we have never heard of."""
        identities = self._identities
        if identities is None:
            return None
        key_id = claim.access_key_id
        if claim.token:
            if self._sessions is None:
                self._sessions = await self._node.store.read(identities.sessions)
            session = self._sessions.open(claim.token)
            if session is not None:
                return self._checked_session(session, claim, target)
        known = await self._node.caches.get(
            CREDENTIALS_CHANGED, key_id, lambda: self._node.store.read(identities.credential, key_id)
        )
        if known is not None and (claim.token or not known.is_active):
            raise _invalid_token(target) if claim.token else _unknown(claim, target)
        return known

    def _checked_session(self, session: Credential, claim: claims.Credential, target: Target | None) -> Credential:
        if session.access_key_id != claim.access_key_id:
            raise _invalid_token(target)
        if session.expires is not None and session.expires <= self._node.clock.now():
            raise ExpiredToken("The provided token has expired." if _is_s3(target) else None)
        return session

    async def _note_use(self, known: Credential, claim: claims.Credential) -> None:
        """GetAccessKeyLastUsed is told of the first use of a long-term key in a while."""
        if known.token is not None or self._identities is None:
            return
        now = self._node.clock.now()
        if now - self._uses.get(known.access_key_id, known.used or 0.0) < limits.IAM_KEY_USE_NOTED_S:
            return
        if len(self._uses) >= limits.CACHE_ENTRIES_MAX:
            self._uses.clear()
        self._uses[known.access_key_id] = now
        region = claim.scope.region or names.DEFAULT_REGION
        await self._node.store.write(self._identities.note_use, known.access_key_id, claim.scope.service, region)


def _claim_in(http: HttpRequest) -> tuple[claims.Credential | None, AwsError | None]:
    """The claim, and what is wrong with it. Of one that cannot be verified, what it says of key and region counts."""
    try:
        return claims.parse(http), None
    except AwsError as fault:
        scope = claims.scope_of(http)
        token = http.headers.get("x-amz-security-token")
        return (None if scope is None else claims.Credential("4", scope, (), "", "", token=token)), fault


def _is_s3(target: Target | None) -> bool:
    return target is not None and target.service == "s3"


def _unknown(claim: claims.Credential, target: Target | None) -> AwsError:
    if _is_s3(target):
        return UnknownAccessKey(
            "The AWS Access Key Id you provided does not exist in our records.", AWSAccessKeyId=claim.access_key_id
        )
    return UnknownAccessKey()


def _invalid_token(target: Target | None) -> AwsError:
    return InvalidToken() if _is_s3(target) else UnknownAccessKey()
