"""Session tokens: a session's claims, sealed with a key that every node of the cluster has. No row stands behind them.

token  = "WKS" + version + base64(seal + compressed claims)       seal   = HMAC(key, claims)
secret = what only who has the key can derive from the claims; it is handed out with the token and never stored
"""

from __future__ import annotations

import base64
import binascii
import hmac
import zlib
from collections import OrderedDict

import orjson

from wakeful import limits, names
from wakeful.fabric.service import Credential, Principal, Session
from wakeful.store.tx import Tx

_PREFIX = "WKS1"
_KEY = "session tokens"
_SEAL_BYTES = 16


def sealing_key(tx: Tx) -> bytes:
    """The key, which `make_sealing_key` has made."""
    row = tx.one("SELECT secret FROM iam_secrets WHERE name = ?", _KEY)
    assert row is not None, "it is made before anybody calls"
    return bytes.fromhex(row["secret"])


def make_sealing_key(tx: Tx) -> None:
    """There is a key; one that was there stays, and so do the sessions that it sealed."""
    tx.lock("iam", "secrets")
    if tx.one("SELECT 1 FROM iam_secrets WHERE name = ?", _KEY) is None:
        tx.run("INSERT INTO iam_secrets(name, secret) VALUES (?, ?)", _KEY, names.new_token(32))


class SealedSessions:
    """Issues and opens session tokens."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._opened: OrderedDict[str, Credential] = OrderedDict()

    def issue(self, principal: Principal, expires: float) -> Credential:
        """Temporary credentials that stand for `principal`, which has a session, until then."""
        assert principal.session is not None
        key_id = names.new_access_key_id(principal.account, temporary=True)
        claims = orjson.dumps(_claims(key_id, principal, principal.session, expires))
        sealed = hmac.digest(self._key, claims, "sha256")[:_SEAL_BYTES] + zlib.compress(claims, 9)
        token = _PREFIX + base64.urlsafe_b64encode(sealed).decode()
        return Credential(key_id, self._secret(claims), token, expires, principal)

    def open(self, token: str) -> Credential | None:
        """The credential that was issued with the token, expired or not; None for what was not issued here."""
        known = self._opened.get(token)
        if known is not None:
            return known
        claims = self._unsealed(token)
        if claims is None:
            return None
        key_id, principal, expires = _read(orjson.loads(claims))
        credential = Credential(key_id, self._secret(claims), token, expires, principal)
        self._opened[token] = credential
        if len(self._opened) > limits.SESSIONS_REMEMBERED_MAX:
            self._opened.popitem(last=False)
        return credential

    def _unsealed(self, token: str) -> bytes | None:
        if not token.startswith(_PREFIX) or len(token) > limits.SESSION_TOKEN_CHARS_MAX:
            return None
        try:
            sealed = base64.b64decode(token.removeprefix(_PREFIX).encode(), altchars=b"-_", validate=True)
            claims = zlib.decompressobj().decompress(sealed[_SEAL_BYTES:], limits.SESSION_CLAIMS_BYTES_MAX)
        except (ValueError, binascii.Error, zlib.error):
            return None
        seal = hmac.digest(self._key, claims, "sha256")[:_SEAL_BYTES]
        return claims if hmac.compare_digest(seal, sealed[:_SEAL_BYTES]) else None

    def _secret(self, claims: bytes) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, b"secret\n" + claims, "sha256")).decode()[:40]


def _claims(key_id: str, principal: Principal, session: Session, expires: float) -> list[object]:
    return [
        *(key_id, expires, principal.kind, principal.arn, principal.account, principal.id, principal.role_arn),
        *(session.issued, session.policies, session.tags, session.transitive, session.source_identity),
    ]


def _read(claims: list[object]) -> tuple[str, Principal, float]:
    key_id, expires, kind, arn, account, entity_id, role_arn, issued, policies, tags, transitive, source = claims
    session = Session(
        issued=issued,  # type: ignore[arg-type] # sealed by us: what stands here is what we wrote
        policies=None if policies is None else tuple(policies),  # type: ignore[arg-type]
        tags=tuple((key, value) for key, value in tags),  # type: ignore[attr-defined]
        transitive=tuple(transitive),  # type: ignore[arg-type]
        source_identity=source,  # type: ignore[arg-type]
    )
    return key_id, Principal(kind, arn, account, entity_id, role_arn, session), expires  # type: ignore[arg-type, return-value]
