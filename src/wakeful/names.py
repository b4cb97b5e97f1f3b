"""Names of things: ARNs, and the identifiers we hand out. Every random identifier in the product is made here."""

from __future__ import annotations

import base64
import os
import re
import secrets
import uuid
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha512

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"

_ACCESS_KEY_ID = re.compile("A[KS]IA[A-Z2-7]{16}")
_UUID_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_LOWER_ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Arn:
    """An Amazon Resource Name in its parts. `str()` puts it together again."""

    service: str
    region: str
    account: str
    resource: str
    partition: str = "aws"

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @property
    def name(self) -> str:
        """What stands after the last ":" or "/" of the resource."""
        return self.resource.replace("/", ":").rsplit(":", 1)[-1]


@lru_cache(8192)
def parse_arn(text: str) -> Arn:
    """The parts of an ARN. Raises ValueError where the text is none."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not parts[2] or not parts[5]:
        raise ValueError(f"not an ARN: {text}")
    return Arn(partition=parts[1], service=parts[2], region=parts[3], account=parts[4], resource=parts[5])


def is_arn(text: str) -> bool:
    return text.startswith("arn:") and text.count(":") >= 5


def new_uuid() -> str:
    """A random UUID in its usual form: request ids, message ids, revision ids."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_UUID_VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:]}"


def uuid_of(text: str) -> str:
    """A UUID that the same text always has, and no other."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, text))


def host_id(request_id: str) -> str:
    """S3's second, longer name of a request, `x-amz-id-2`. It says nothing more."""
    return b64encode(sha512(request_id.encode()).digest()[:57]).decode("ascii")


def new_token(byte_count: int = 16) -> str:
    """Lower-case hexadecimal, twice as long as `byte_count`."""
    return os.urandom(byte_count).hex()


def new_trace_id(now_s: float) -> str:
    """An X-Ray trace id: version, epoch seconds, 96 random bits."""
    return f"1-{int(now_s):08x}-{os.urandom(12).hex()}"


def new_span_id() -> str:
    """64 random bits, as X-Ray segments have them."""
    return os.urandom(8).hex()


def new_access_key_id(account: str, *, temporary: bool = False) -> str:
    """AKIA… or ASIA…, with the account in it as AWS has it there: STS can tell whose a key is from the key alone."""
    bits = secrets.randbits(1) << 79 | int(account) << 39 | secrets.randbits(39)
    return ("ASIA" if temporary else "AKIA") + base64.b32encode(bits.to_bytes(10, "big")).decode()


def account_of_access_key(key_id: str) -> str | None:
    """The account in an access key id; None where the key is not of that form."""
    if not _ACCESS_KEY_ID.fullmatch(key_id):
        return None
    bits = int.from_bytes(base64.b32decode(key_id[4:]), "big")
    account = f"{bits >> 39 & (1 << 40) - 1:012d}"
    return account if len(account) == 12 else None


def new_secret_key() -> str:
    """Forty characters, as AWS issues them."""
    return secrets.token_urlsafe(30)


def new_unique_id(prefix: str) -> str:
    """IAM's unique ids: AIDA… for users, AROA… for roles, ANPA… for managed policies."""
    return prefix + _pick(_ALPHANUMERIC, 17)


def new_url_id() -> str:
    """The name of a function URL, which is the first label of its host: whoever knows it can find the function."""
    return _pick(_LOWER_ALPHANUMERIC, 32)


def draw() -> float:
    """A random number from 0 up to, not including, 1."""
    return secrets.randbits(53) / (1 << 53)


def _pick(letters: str, count: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(count))
