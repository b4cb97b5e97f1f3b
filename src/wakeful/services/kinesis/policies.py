"""Resource policies of streams and of consumers: who else may use them."""

from __future__ import annotations

from wakeful import limits
from wakeful.fabric.policy import PolicyError, parse_policy
from wakeful.services.kinesis.errors import InvalidArgumentException, LimitExceededException
from wakeful.store.tx import Tx

CHANGED = "kinesis.policies"
"""Woken when a policy comes, goes or is changed."""


def put(tx: Tx, arn: str, document: str) -> None:
    """The resource has this policy and no other."""
    if len(document.encode()) > limits.KINESIS_POLICY_BYTES_MAX:
        raise LimitExceededException(
            f"A resource policy cannot be larger than {limits.KINESIS_POLICY_BYTES_MAX} bytes."
        )
    try:
        parse_policy(document, "resource")
    except PolicyError as error:
        raise InvalidArgumentException(f"Invalid resource policy. {error}") from None
    tx.lock("kinesis", arn)
    tx.run(
        "INSERT INTO kinesis_policies(arn, policy) VALUES (?, ?)"
        " ON CONFLICT(arn) DO UPDATE SET policy = excluded.policy",
        *(arn, document),
    )
    tx.wake(CHANGED)


def policy(tx: Tx, arn: str) -> str | None:
    """What the resource's own policy says; None where it has none."""
    row = tx.one("SELECT policy FROM kinesis_policies WHERE arn = ?", arn) if "\0" not in arn else None
    return None if row is None else str(row["policy"])


def forget(tx: Tx, arn: str) -> bool:
    """The resource has no policy. Whether it had one."""
    tx.lock("kinesis", arn)
    tx.wake(CHANGED)
    return bool(tx.run("DELETE FROM kinesis_policies WHERE arn = ?", arn))
