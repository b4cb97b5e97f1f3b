"""Signatures of messages, as "Verifying the signatures of Amazon SNS messages" has them, and the key that makes them.

There is one key for a store, with a certificate of its own: made when something is signed for the first time, the same
on every node, and served at the SigningCertURL of each message.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from wakeful.fabric.front import Arrival, Place
from wakeful.fabric.service import Node
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest, HttpResponse

if TYPE_CHECKING:  # it takes its time to load, and is loaded when something is signed
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

VERSIONS = ("1", "2")
DEFAULT_VERSION = "1"

_KEY = "messages"
_KEY_WAKE = "sns.signing"
_PATH = "/SimpleNotificationService-"
_SUFFIX = ".pem"
_BITS = 2048
_SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
"""In the order of their bytes. A notification has no token, a confirmation no subject."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What says that a message is ours."""

    version: str
    signature: str
    certificate_path: str


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key of a store, ready for use."""

    certificate: str
    certificate_path: str
    private: RSAPrivateKey

    def seal(self, text: str, version: str) -> Seal:
        """Takes half a millisecond."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
        signature = self.private.sign(text.encode(), padding.PKCS1v15(), algorithm)
        return Seal(version, base64.b64encode(signature).decode(), self.certificate_path)


def string_to_sign(members: Mapping[str, object]) -> str:
    """Of a message, from its members by the names that they have in HTTP bodies."""
    return "".join(f"{name}\n{members[name]}\n" for name in _SIGNED if members.get(name) is not None)


async def key_of(node: Node) -> SigningKey:
    """The store's key, which is made now if there is none; never on the loop, and never in a transaction."""

    async def find_or_make() -> SigningKey:
        there = await node.store.read(_find)
        if there is not None:
            return there
        return await node.store.write(_keep, *await node.aside(_made))

    return await node.caches.get(_KEY_WAKE, _KEY, find_or_make)


def key_in(tx: Tx) -> SigningKey:
    """The same for who has nothing but a transaction, which is then as long as it takes to make a key."""
    return _find(tx) or _keep(tx, *_made())


@dataclass(frozen=True, slots=True)
class CertificateFront:
    """Where the certificate is had. Whoever gets a message may ask."""

    operation: str = "Publish"
    body_bytes_max: int = 0

    def too_large(self) -> AwsError:
        return AwsError("A certificate is asked for without a body.")

    def place_of(self, http: HttpRequest) -> Place | None:
        is_ours = http.path.startswith(_PATH) and http.path.endswith(_SUFFIX)
        return Place(http.path, "", is_by_host=False) if is_ours else None

    async def answer(self, node: Node, arrival: Arrival) -> HttpResponse:
        if arrival.http.method not in ("GET", "HEAD"):
            return HttpResponse(405, {"allow": "GET, HEAD"})
        key = await key_of(node)
        if key.certificate_path != arrival.place.id:
            return HttpResponse(404)
        return HttpResponse(200, {"content-type": "application/x-pem-file"}, key.certificate.encode())


def _find(tx: Tx) -> SigningKey | None:
    row = tx.one("SELECT private_key, certificate FROM sns_signing_keys WHERE name = ?", _KEY)
    return None if row is None else _loaded(row["private_key"], row["certificate"])


def _keep(tx: Tx, private_key: str, certificate: str) -> SigningKey:
    """The store's key from now on, unless it got one meanwhile."""
    tx.lock("sns", "signing")
    there = _find(tx)
    if there is not None:
        return there
    tx.run(
        "INSERT INTO sns_signing_keys(name, private_key, certificate) VALUES (?, ?, ?)", _KEY, private_key, certificate
    )
    return _loaded(private_key, certificate)


@lru_cache(8)
def _loaded(private_key: str, certificate: str) -> SigningKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    # It was checked when it was made, and to check it again takes longer than a hundred signatures.
    private = serialization.load_pem_private_key(private_key.encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(private, rsa.RSAPrivateKey)
    digest = hashlib.sha256(certificate.encode()).hexdigest()[:32]
    return SigningKey(certificate, f"{_PATH}{digest}{_SUFFIX}", private)


def _made() -> tuple[str, str]:
    """A new private key and its certificate, which vouches for itself; both as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    private = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Wakeful SNS")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        # Whoever moves the clock by years should not have to think of it.
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    pem = private.private_bytes(encoding, form, serialization.NoEncryption())
    return pem.decode(), certificate.public_bytes(encoding).decode()
