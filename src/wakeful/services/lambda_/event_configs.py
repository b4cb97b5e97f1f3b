"""What is configured of asynchronous invocations: retries, age and destinations, for $LATEST, versions and aliases.

A version or an alias has what was said of it and nothing of the function's ("Configuring error handling settings for
Lambda asynchronous invocations").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wakeful import limits
from wakeful.services.lambda_ import functions
from wakeful.services.lambda_.errors import ResourceNotFoundException
from wakeful.services.lambda_.references import LATEST, Reference
from wakeful.store.tx import Row, Tx


@dataclass(frozen=True, slots=True)
class EventConfig:
    """One qualifier's configuration. None is what nobody said."""

    function: str
    qualifier: str
    retries: int | None = None
    age_s: int | None = None
    on_success: str = ""
    """The ARN of where a record of every success goes; "" is nowhere."""
    on_failure: str = ""
    modified: float = 0.0

    @property
    def retries_max(self) -> int:
        return limits.LAMBDA_EVENT_RETRIES_MAX if self.retries is None else self.retries

    @property
    def age_max_s(self) -> float:
        return limits.LAMBDA_EVENT_AGE_MAX_S if self.age_s is None else self.age_s

    @property
    def destinations(self) -> tuple[str, ...]:
        return tuple(arn for arn in (self.on_success, self.on_failure) if arn)


def effective(tx: Tx, reference: Reference) -> EventConfig:
    """What holds for events of this reference, whether or not anybody configured it."""
    return get(tx, reference) or EventConfig(reference.arn, qualifier_of(reference))


def get(tx: Tx, reference: Reference) -> EventConfig | None:
    row = tx.one(
        "SELECT * FROM lambda_event_configs WHERE function = ? AND qualifier = ?",
        *(reference.arn, qualifier_of(reference)),
    )
    return None if row is None else _config(row)


def find(tx: Tx, reference: Reference) -> EventConfig:
    """Raises ResourceNotFoundException, in Lambda's words, which are the same where there is no such function."""
    config = get(tx, reference)
    if config is None:
        raise ResourceNotFoundException(
            f"The function {reference.arn}:{qualifier_of(reference)} doesn't have an EventInvokeConfig"
        )
    return config


def listed(tx: Tx, reference: Reference, after: str, limit: int) -> list[EventConfig]:
    """Those of the function, by qualifier."""
    if not functions.exists(tx, reference.arn):
        raise no_function()
    rows = tx.all(
        "SELECT * FROM lambda_event_configs WHERE function = ? AND qualifier > ? ORDER BY qualifier LIMIT ?",
        *(reference.arn, after, limit),
    )
    return [_config(row) for row in rows]


def put(tx: Tx, config: EventConfig) -> None:
    """This is the configuration, whatever there was."""
    tx.lock("lambda", config.function)
    tx.run(
        "INSERT INTO lambda_event_configs(function, qualifier, retries, age_s, on_success, on_failure, modified)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT(function, qualifier) DO UPDATE SET retries = excluded.retries,"
        " age_s = excluded.age_s, on_success = excluded.on_success, on_failure = excluded.on_failure,"
        " modified = excluded.modified",
        *(config.function, config.qualifier, config.retries, config.age_s),
        *(config.on_success, config.on_failure, config.modified),
    )
    tx.wake(functions.CHANGED)


def delete(tx: Tx, reference: Reference) -> None:
    """Lambda's own defaults hold again."""
    tx.lock("lambda", reference.arn)
    config = find(tx, reference)
    tx.run("DELETE FROM lambda_event_configs WHERE function = ? AND qualifier = ?", config.function, config.qualifier)
    tx.wake(functions.CHANGED)


def target(tx: Tx, reference: Reference) -> functions.Version:
    """The version a configuration would be for; through an alias, its main one."""
    try:
        return functions.find(tx, reference)
    except ResourceNotFoundException:
        raise no_function() from None


def no_function() -> ResourceNotFoundException:
    return ResourceNotFoundException("The function doesn't exist.")


def qualifier_of(reference: Reference) -> str:
    return reference.qualifier or LATEST


def described(config: EventConfig) -> dict[str, Any]:
    """FunctionEventInvokeConfig. A side without destination is there, and empty."""
    optional: Mapping[str, Any] = {
        "MaximumRetryAttempts": config.retries,
        "MaximumEventAgeInSeconds": config.age_s,
    }
    return {
        "LastModified": config.modified,
        "FunctionArn": f"{config.function}:{config.qualifier}",
        **{name: value for name, value in optional.items() if value is not None},
        "DestinationConfig": {
            "OnSuccess": {"Destination": config.on_success} if config.on_success else {},
            "OnFailure": {"Destination": config.on_failure} if config.on_failure else {},
        },
    }


def _config(row: Row) -> EventConfig:
    return EventConfig(
        row["function"],
        row["qualifier"],
        row["retries"],
        row["age_s"],
        row["on_success"],
        row["on_failure"],
        row["modified"],
    )
