"""Packages that AWS Signer has signed: who signed one, for how long, and whether it is still what was signed.

A signed package has one more file, `META_INF/aws_signer_signature_v1.0.SF`: a CMS signature (RFC 5652) in PEM whose
content is not in it. That content is the SHA-384 of all other entries, names and bytes, in their order. Signed beside
it are the signing job, the signing profile's version, and when the signature expires. The certificates up to a root are
in it; which roots are trusted is for the caller to say, and whether a signature was revoked only AWS Signer knows.
"""

from __future__ import annotations

import binascii
import hashlib
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from awscrt.crypto import EC

from wakeful import limits
from wakeful.environments import der
from wakeful.environments.der import Malformed, Value

FILE = "META_INF/aws_signer_signature_v1.0.SF"

AWS_ROOT = "90a87d0543c3f094dbff9589b6649affe2f3d6e0f308799be2258461c686473f"
"""SHA-256 of "AWS Signer Code Signing Root CA G1", as AWS publishes it for Notation."""

_SIGNED_DATA = "1.2.840.113549.1.7.2"
_MESSAGE_DIGEST, _SIGNING_TIME = "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.5"
_JOB, _EXPIRY, _PROFILE = "1.3.187.137.1.2", "1.3.187.137.1.3", "1.3.187.137.1.4"
_BASIC_CONSTRAINTS = "2.5.29.19"
_SHA384 = "2.16.840.1.101.3.4.2.2"
_HASHES = {
    "1.2.840.10045.4.3.2": hashlib.sha256,
    "1.2.840.10045.4.3.3": hashlib.sha384,
    "1.2.840.10045.4.3.4": hashlib.sha512,
}
"""Of ECDSA's algorithms."""


class Broken(Exception):
    """The package has a signature that is not of this package, or is no signature."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a sound signature says. `root` is the SHA-256 of the root certificate that vouches for it."""

    profile: str
    job: str
    expires: float
    root: str


def read(body: bytes) -> Signature | None:
    """What the package's signature says; None where it has none. Raises Broken."""
    with zipfile.ZipFile(BytesIO(body)) as package:
        names = package.namelist()
        if FILE not in names:
            return None
        if len(set(names)) < len(names):
            raise Broken("two entries have the same name")
        if package.getinfo(FILE).file_size > limits.LAMBDA_SIGNATURE_BYTES_MAX:
            raise Broken("the signature is too large")
        with package.open(FILE) as file:
            envelope = file.read(limits.LAMBDA_SIGNATURE_BYTES_MAX)  # whatever it says of its size
        digest = _digest(package)
    try:
        return _verified(_cms(envelope), digest)
    except (Malformed, ValueError, IndexError, KeyError, OverflowError) as fault:
        raise Broken(str(fault)) from fault


def seal(body: bytes, roots: Path) -> dict[str, Any]:
    """What is kept of a package's signature; nothing where it has none. `roots` is a folder of trusted certificates."""
    try:
        signature = read(body)
    except Broken as fault:
        return {"broken": str(fault)}
    if signature is None:
        return {}
    trusted = {AWS_ROOT}
    if roots.is_dir():
        trusted |= {fingerprint(path.read_bytes()) for path in roots.iterdir() if path.is_file()}
    said = {"profile": signature.profile, "job": signature.job, "expires": signature.expires}
    return {**said, "is_trusted": signature.root in trusted}


def fingerprint(certificate: bytes) -> str:
    """Of a certificate in PEM or DER."""
    return hashlib.sha256(_unarmoured(certificate)).hexdigest()


def _digest(package: zipfile.ZipFile) -> bytes:
    content = hashlib.sha384()
    for entry in package.infolist():
        if entry.filename == FILE:
            continue
        content.update(entry.filename.encode())
        with package.open(entry) as file:
            while piece := file.read(limits.LAMBDA_SIGNATURE_BYTES_MAX):
                content.update(piece)
    return hashlib.sha384(content.digest()).digest()


def _unarmoured(text: bytes) -> bytes:
    if not text.lstrip().startswith(b"-----BEGIN"):
        return text
    lines = [line.strip() for line in text.splitlines()]
    return binascii.a2b_base64(b"".join(line for line in lines if not line.startswith(b"-----")))


# --- the signature ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cms:
    certificates: tuple[_Certificate, ...]
    signer: Sequence[Value]
    """The members of the one SignerInfo."""


def _cms(envelope: bytes) -> _Cms:
    kind, explicit = der.value(_unarmoured(envelope)).parts(der.SEQUENCE)
    if kind.object_id != _SIGNED_DATA:
        raise Malformed("no signed data")
    (signed,) = explicit.parts(0xA0)
    members = signed.parts(der.SEQUENCE)
    certificates = next((member.parts() for member in members if member.tag == 0xA0), [])
    if len(certificates) > limits.LAMBDA_SIGNATURE_CERTIFICATES_MAX:
        raise Malformed("more certificates than lead to a root")
    (signer,) = members[-1].parts(der.SET)
    return _Cms(tuple(_certificate(each) for each in certificates), signer.parts(der.SEQUENCE))


def _verified(cms: _Cms, digest: bytes) -> Signature:
    """Raises Malformed where anything is not as it must be."""
    _, named, algorithm, attributes, how, signature = cms.signer[:6]
    if algorithm.parts(der.SEQUENCE)[0].object_id != _SHA384:
        raise Malformed("the content is not hashed with SHA-384")
    issuer, serial = named.parts(der.SEQUENCE)
    leaf = next(each for each in (*cms.certificates, None) if each is None or each.is_named(issuer.raw, serial.raw))
    if leaf is None:
        raise Malformed("the signer's certificate is missing")
    if attributes.tag != 0xA0:
        raise Malformed("nothing but the content is signed")
    # The attributes are signed as the SET they are, not under the tag they have here (RFC 5652, 5.4).
    _check(leaf.key, how, der.wrapped(der.SET, attributes.content), signature.text(der.OCTETS))
    said = {name.object_id: values.parts(der.SET) for name, values in (each.parts() for each in attributes.parts())}
    if said[_MESSAGE_DIGEST][0].text(der.OCTETS) != digest:
        raise Malformed("the package is not the one that was signed")
    signed_at = _time(said[_SIGNING_TIME][0])
    root = _root(leaf, cms.certificates, signed_at)
    return Signature(
        profile=said[_PROFILE][0].text(der.UTF8).decode(),
        job=said[_JOB][0].text(der.UTF8).decode(),
        expires=_time(said[_EXPIRY][0]),
        root=hashlib.sha256(root.raw).hexdigest(),
    )


def _check(key: bytes, algorithm: Value, content: bytes, signature: bytes) -> None:
    name = algorithm.parts(der.SEQUENCE)[0].object_id
    if name not in _HASHES:
        raise Malformed(f"signed with {name}, which is not known here")
    try:
        is_true = EC.new_key_from_der_data(key).verify(_HASHES[name](content).digest(), signature)
    except RuntimeError as fault:
        raise Malformed("no key or signature of ECDSA") from fault
    if not is_true:
        raise Malformed("the signature is not true")


def _time(value: Value) -> float:
    text = value.content.decode("ascii")
    if value.tag == der.UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    elif value.tag != der.GENERALIZED_TIME:
        raise Malformed("no time")
    form = "%Y%m%d%H%M%S.%fZ" if "." in text else "%Y%m%d%H%M%SZ"
    return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()


# --- certificates ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Certificate:
    raw: bytes
    signed: bytes
    algorithm: Value
    signature: bytes
    serial: bytes
    issuer: bytes
    subject: bytes
    since: float
    until: float
    key: bytes
    is_authority: bool

    def is_named(self, issuer: bytes, serial: bytes) -> bool:
        return (self.issuer, self.serial) == (issuer, serial)


def _certificate(value: Value) -> _Certificate:
    signed, algorithm, signature = value.parts(der.SEQUENCE)
    members = [member for member in signed.parts(der.SEQUENCE) if member.tag != 0xA0]  # without its version
    serial, _, issuer, validity, subject, key, *more = members
    since, until = validity.parts(der.SEQUENCE)
    return _Certificate(
        raw=value.raw,
        signed=signed.raw,
        algorithm=algorithm,
        signature=signature.content[1:],  # behind the count of unused bits
        serial=serial.raw,
        issuer=issuer.raw,
        subject=subject.raw,
        since=_time(since),
        until=_time(until),
        key=key.raw,
        is_authority=any(_makes_authority(each) for each in more if each.tag == 0xA3),
    )


def _makes_authority(explicit: Value) -> bool:
    (extensions,) = explicit.parts()
    for extension in extensions.parts(der.SEQUENCE):
        members = extension.parts(der.SEQUENCE)
        if members[0].object_id == _BASIC_CONSTRAINTS:
            constraints = der.value(members[-1].text(der.OCTETS)).parts(der.SEQUENCE)
            return bool(constraints) and constraints[0].tag == 0x01 and constraints[0].content != b"\0"
    return False


def _root(leaf: _Certificate, known: Collection[_Certificate], at: float) -> _Certificate:
    """The root that vouches for the signer, by certificates that were all valid when it signed."""
    current = leaf
    for _ in range(len(known) + 1):
        if not current.since <= at <= current.until:
            raise Malformed("a certificate was not valid when the package was signed")
        issuer = next((each for each in known if each.subject == current.issuer and each.is_authority), None)
        if issuer is None:
            raise Malformed("no authority vouches for a certificate")
        _check(issuer.key, current.algorithm, current.signed, current.signature)
        if issuer.raw == current.raw:
            return issuer
        current = issuer
    raise Malformed("the certificates vouch for one another in a circle")
