"""ARNs that requests name resources by: of tables, and of their streams."""

from __future__ import annotations

from wakeful import names
from wakeful.fabric.service import Call
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.table import name_complaints
from wakeful.services.dynamodb.tables.definition import INVALID


def check(call: Call, arn: str, of_another_region: str) -> None:
    """Raises ValidationException unless it can be the ARN of a table or of a stream, in the region of the call."""
    if not arn.startswith("arn:"):
        raise ValidationException(f"{INVALID}ARNs must start with 'arn:': {arn}")
    try:
        parsed = names.parse_arn(arn)
    except ValueError:
        parsed = None
    if parsed is None or parsed.service != "dynamodb":
        raise ValidationException(f"{INVALID}Provided Arn is not a DynamoDB resource arn: {arn}")
    parts = parsed.resource.split("/")
    is_stream = len(parts) == 4 and parts[2] == "stream"
    if parts[0] != "table" or not (len(parts) == 2 or is_stream) or name_complaints(parts[1]):
        raise ValidationException(
            f"{INVALID}Invalid resource arn provided, only table or stream is accepted. Provided resource arn: {arn}"
        )
    if parsed.region != call.region or parsed.partition != "aws":
        raise ValidationException(f"{of_another_region} {arn}")


def table_of(arn: str) -> str:
    """The ARN of the table that the ARN of one of its streams, or of its own, names."""
    return "/".join(arn.split("/")[:2])
