"""What a table says of its encryption. There is no KMS here: keys are named and shown, and protect nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeful import names
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.tables.definition import INVALID

_OWN = "alias/aws/dynamodb"


def of_new_table(arn: str, wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """SSEDescription; None where the key is DynamoDB's own, of which nothing is shown. Raises ValidationException."""
    if not wanted:
        return None
    kind, key = wanted.get("SSEType"), wanted.get("KMSMasterKeyId")
    if wanted.get("Enabled") is False:
        for member, value in (("SSEType", kind), ("KMSMasterKeyId", key)):
            if value is not None:
                raise ValidationException(f"{INVALID}{member} can not be specified if Enabled is false")
        return None
    if kind == "AES256":
        raise ValidationException(f"{INVALID}SSEType AES256 is not supported")
    if key is not None and kind != "KMS":
        raise ValidationException(f"{INVALID}SSEType KMS is required if KMSMasterKeyId is specified")
    return {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": _key_arn(arn, key or _OWN)}


def changed(arn: str, before: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same of a table that is there. Raises ValidationException for what changes nothing."""
    after = of_new_table(arn, wanted)
    if after is None and before is None:
        raise ValidationException(f"{INVALID}Table is already encrypted by default")
    if after is not None and before is not None and wanted.get("KMSMasterKeyId") == before["KMSMasterKeyArn"]:
        raise ValidationException(
            f"{INVALID}Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId parameter if you want"
            " to change Master Key"
        )
    return after


def _key_arn(table_arn: str, key: str) -> str:
    """A key's ARN is as it was said; that of an alias, or of an id, is made up, the same every time."""
    if key.startswith("arn:") and ":alias/" not in key:
        return key
    parsed = names.parse_arn(table_arn)
    name = key.rpartition(":")[2]
    key_id = names.uuid_of(f"{parsed.account}/{parsed.region}/{name}") if name.startswith("alias/") else name
    return f"arn:aws:kms:{parsed.region}:{parsed.account}:key/{key_id.removeprefix('key/')}"
