"""Data protection policies: kept as they were put, once they are what AWS takes as one.

"Understanding data protection policies in Amazon SNS". They are stored and shown, and nothing looks into messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.sns import topic as topics
from wakeful.services.sns.api import api
from wakeful.services.sns.arns import topic_arn
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.topic import Topic
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import sns as shapes

_VERSION = "2021-06-01"
_DIRECTIONS = ("Inbound", "Outbound")
_OPERATIONS = ("Audit", "Deny", "Deidentify")


@api.writes
def put_data_protection_policy(call: Call, tx: Tx, request: shapes.PutDataProtectionPolicyInput) -> None:
    """The topic has the policy; an empty one takes it away."""
    found = topics.find(tx, topic_arn(call, request["ResourceArn"], "ResourceArn"))
    put(tx, found, request["DataProtectionPolicy"])


@api.reads
def get_data_protection_policy(
    call: Call, tx: Tx, request: shapes.GetDataProtectionPolicyInput
) -> shapes.GetDataProtectionPolicyResponse:
    found = topics.find(tx, topic_arn(call, request["ResourceArn"], "ResourceArn"))
    return {"DataProtectionPolicy": _of(tx, found)}


def put_first(tx: Tx, topic: Topic, text: str, *, is_new: bool) -> None:
    """A topic is made with the policy. One that was there already has to have the same."""
    if is_new:
        put(tx, topic, text)
    elif text != _of(tx, topic):
        raise _fault("Topic already exists with a different policy")


def put(tx: Tx, topic: Topic, text: str) -> None:
    """Raises InvalidParameterException unless it is a data protection policy, of a topic that may have one."""
    if topic.is_fifo:
        raise _fault("data protection policies are for standard topics")
    if text:
        check(text)
    tx.lock("sns", topic.arn)
    tx.run("UPDATE sns_topics SET protection = ? WHERE arn = ?", text or None, topic.arn)


def _of(tx: Tx, topic: Topic) -> str:
    row = tx.one("SELECT protection FROM sns_topics WHERE arn = ?", topic.arn)
    return "" if row is None else row["protection"] or ""


def check(text: str) -> None:
    """Raises InvalidParameterException unless it is a data protection policy."""
    if len(text) > limits.SNS_PROTECTION_POLICY_CHARS_MAX:
        raise _fault(f"it has more than {limits.SNS_PROTECTION_POLICY_CHARS_MAX} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise _fault("it is not JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("Name"), str) or not document["Name"]:
        raise _fault("it needs a Name")
    if document.get("Version") != _VERSION:
        raise _fault(f"its Version must be {_VERSION}")
    statements = document.get("Statement")
    if not isinstance(statements, list) or not statements:
        raise _fault("it needs a list of statements")
    operations = [_checked_statement(statement) for statement in statements]
    if operations.count("Audit") > 1:
        raise _fault("it may have one Audit statement")


def _checked_statement(statement: Any) -> str:
    """The operation it is about."""
    if not isinstance(statement, Mapping):
        raise _fault("a statement must be an object")
    if statement.get("DataDirection") not in _DIRECTIONS:
        raise _fault(f"DataDirection must be one of {', '.join(_DIRECTIONS)}")
    for member in ("Principal", "DataIdentifier"):
        values = statement.get(member)
        if not isinstance(values, list) or not values or not all(isinstance(each, str) and each for each in values):
            raise _fault(f"{member} must be a list of strings")
    operation = statement.get("Operation")
    if not isinstance(operation, Mapping) or len(operation) != 1 or not operation.keys() <= set(_OPERATIONS):
        raise _fault(f"Operation must be one of {', '.join(_OPERATIONS)}")
    (name,) = operation
    if name == "Audit" and statement["DataDirection"] != "Inbound":
        raise _fault("Audit is for Inbound messages")
    return str(name)


def _fault(reason: str) -> InvalidParameterException:
    return InvalidParameterException(f"Invalid parameter: DataProtectionPolicy Reason: {reason}")
