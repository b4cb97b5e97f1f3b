"""A signer for tests: signs packages as AWS Signer does, with certificates of its own."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime

from awscrt.crypto import EC, ECExportFormat, ECType

from wakeful.environments import der
from wakeful.environments.der import GENERALIZED_TIME, INTEGER, OBJECT_ID, OCTETS, SEQUENCE, SET, UTF8, wrapped
from wakeful.environments.signed_package import FILE

PROFILE = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/mine/abcdefghij"
JOB = "arn:aws:signer:us-east-1:000000000000:/signing-jobs/11111111-2222-3333-4444-555555555555"


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    octets = bytearray()
    for number in (40 * first + second, *rest):
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.insert(0, 0x80 | number & 0x7F)
        octets += bytes(digits)
    return wrapped(OBJECT_ID, bytes(octets))


def sequence(*parts: bytes) -> bytes:
    return wrapped(SEQUENCE, b"".join(parts))


def moment(epoch_s: float) -> bytes:
    return wrapped(GENERALIZED_TIME, f"{datetime.fromtimestamp(epoch_s, UTC):%Y%m%d%H%M%S}Z".encode())


ECDSA = sequence(oid("1.2.840.10045.4.3.3"))
SHA384 = sequence(oid("2.16.840.1.101.3.4.2.2"))


def sha384(content: bytes) -> bytes:
    return hashlib.sha384(content).digest()


def certificate(
    subject: str, key: EC, issuer: str, issuer_key: EC, *, serial: int, since: float, until: float, is_authority: bool
) -> bytes:
    def name(text: str) -> bytes:
        return sequence(wrapped(SET, sequence(oid("2.5.4.3"), wrapped(UTF8, text.encode()))))

    constraints = sequence(wrapped(0x01, b"\xff")) if is_authority else sequence()
    extension = sequence(oid("2.5.29.19"), wrapped(0x01, b"\xff"), wrapped(OCTETS, constraints))
    signed = sequence(
        wrapped(0xA0, wrapped(INTEGER, b"\x02")),
        wrapped(INTEGER, bytes([serial])),
        ECDSA,
        name(issuer),
        sequence(moment(since), moment(until)),
        name(subject),
        key.export_key(ECExportFormat.SPKI),
        wrapped(0xA3, sequence(extension)),
    )
    return sequence(signed, ECDSA, wrapped(0x03, b"\0" + issuer_key.sign(sha384(signed))))


@dataclass
class Signer:
    """Its root, and one whom it lets sign."""

    now: float
    is_authority: bool = True
    """Whether the certificate between root and leaf may vouch for others."""
    root_key: EC = field(default_factory=lambda: EC.new_generate(ECType.P_384))
    middle_key: EC = field(default_factory=lambda: EC.new_generate(ECType.P_384))
    key: EC = field(default_factory=lambda: EC.new_generate(ECType.P_384))

    def __post_init__(self) -> None:
        years = 365 * 86_400.0
        span = {"since": self.now - years, "until": self.now + 20 * years}
        self.root = certificate("root", self.root_key, "root", self.root_key, serial=1, is_authority=True, **span)
        self.middle = certificate(
            "middle", self.middle_key, "root", self.root_key, serial=2, is_authority=self.is_authority, **span
        )
        self.leaf = certificate("leaf", self.key, "middle", self.middle_key, serial=3, is_authority=False, **span)

    def sign(
        self,
        package: bytes,
        *,
        profile: str = PROFILE,
        expires: float | None = None,
        signed_at: float | None = None,
        is_indefinite: bool = False,
    ) -> bytes:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            entries = [(each, archive.read(each)) for each in archive.infolist()]
        entries.append((zipfile.ZipInfo("META_INF/"), b""))
        content = sha384(b"".join(each.filename.encode() + body for each, body in entries))
        signed_at = self.now if signed_at is None else signed_at
        envelope = self._envelope(
            sha384(content), profile, signed_at + 86_400 * 30 if expires is None else expires, signed_at, is_indefinite
        )
        entries.append((zipfile.ZipInfo(FILE), envelope))
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for each, body in entries:
                archive.writestr(each, body)
        return packed.getvalue()

    def _envelope(self, digest: bytes, profile: str, expires: float, signed_at: float, is_indefinite: bool) -> bytes:
        def attribute(name: str, value: bytes) -> bytes:
            return sequence(oid(name), wrapped(SET, value))

        attributes = b"".join(
            sorted(
                [
                    attribute("1.2.840.113549.1.9.3", oid("1.2.840.113549.1.7.1")),
                    attribute("1.2.840.113549.1.9.4", wrapped(OCTETS, digest)),
                    attribute("1.2.840.113549.1.9.5", moment(signed_at)),
                    attribute("1.3.187.137.1.2", wrapped(UTF8, JOB.encode())),
                    attribute("1.3.187.137.1.3", moment(expires)),
                    attribute("1.3.187.137.1.4", wrapped(UTF8, profile.encode())),
                ]
            )
        )
        issuer, serial = _named(self.leaf)
        signer = sequence(
            wrapped(INTEGER, b"\x01"),
            sequence(issuer, serial),
            SHA384,
            wrapped(0xA0, attributes),
            ECDSA,
            wrapped(OCTETS, self.key.sign(sha384(wrapped(SET, attributes)))),
        )
        signed = sequence(
            wrapped(INTEGER, b"\x01"),
            wrapped(SET, SHA384),
            sequence(oid("1.2.840.113549.1.7.1")),
            wrapped(0xA0, self.leaf + self.middle + self.root),
            wrapped(SET, signer),
        )
        kind = oid("1.2.840.113549.1.7.2")
        whole = (
            b"\x30\x80" + kind + b"\xa0\x80" + signed + b"\0\0\0\0"
            if is_indefinite
            else sequence(kind, wrapped(0xA0, signed))
        )
        lines = base64.encodebytes(whole)
        return b"-----BEGIN PKCS7-----\n" + lines + b"-----END PKCS7-----\n"


def changed(body: bytes, **files: bytes) -> bytes:
    """The package with other content in these files, in the same places."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as archive, zipfile.ZipFile(packed, "w") as other:
        for entry in archive.infolist():
            other.writestr(entry.filename, files.pop(entry.filename.replace(".", "__"), archive.read(entry)))
        for name, content in files.items():
            other.writestr(name.replace("__", "."), content)
    return packed.getvalue()


def _named(certificate_: bytes) -> tuple[bytes, bytes]:
    _, serial, _, issuer, *_ = der.value(certificate_).parts()[0].parts()
    return issuer.raw, serial.raw
