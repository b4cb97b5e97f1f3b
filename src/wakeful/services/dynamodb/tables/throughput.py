"""How much a table can do: its billing mode, what it has provisioned, its caps on demand, what it is warm for.

Rules and words are those of "DynamoDB throughput capacity"; nothing here reads or writes rows, but for the account's
own bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.services.dynamodb.errors import LimitExceededException, ValidationException
from wakeful.services.dynamodb.tables.definition import INVALID
from wakeful.store.tx import Tx

ON_DEMAND, PROVISIONED = "PAY_PER_REQUEST", "PROVISIONED"
READS, WRITES = "ReadCapacityUnits", "WriteCapacityUnits"
CAPS = ("MaxReadRequestUnits", "MaxWriteRequestUnits")
WARM = ("ReadUnitsPerSecond", "WriteUnitsPerSecond")

_SEE = "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
_INITIAL = (
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html"
    "#on-demand-capacity-mode-initial"
)

Capacity = Mapping[str, Any]


def of_new_table(request: Mapping[str, Any], now: float) -> dict[str, Any]:
    """The members of the definition that say what a new table can do. Raises ValidationException."""
    mode = request.get("BillingMode") or PROVISIONED
    provisioned = request.get("ProvisionedThroughput")
    if mode == PROVISIONED and provisioned is None:
        raise ValidationException(
            f"{INVALID}{READS} and {WRITES} must both be specified when BillingMode is PROVISIONED"
        )
    if mode == ON_DEMAND and provisioned is not None:
        raise ValidationException(
            f"{INVALID}Neither {READS} nor {WRITES} can be specified when BillingMode is PAY_PER_REQUEST"
        )
    check_said(provisioned)
    members: dict[str, Any] = {"BillingMode": mode, "ProvisionedThroughput": fresh(provisioned)}
    if mode == ON_DEMAND:
        members["LastUpdateToPayPerRequestDateTime"] = now
    caps = caps_of_new(request.get("OnDemandThroughput"), mode, None)
    if caps:
        members["OnDemandThroughput"] = caps
    members["WarmThroughput"] = warm_of_new(request.get("WarmThroughput"), provisioned, None)
    return members


def of_new_index(wanted: Mapping[str, Any], mode: str, *, is_new_table: bool) -> dict[str, Any]:
    """The same of a global index. Raises ValidationException."""
    name, provisioned = wanted["IndexName"], wanted.get("ProvisionedThroughput")
    if mode == ON_DEMAND and provisioned is not None:
        raise ValidationException(
            f"{INVALID}ProvisionedThroughput should not be specified for index: {name} when BillingMode is"
            " PAY_PER_REQUEST"
            if is_new_table
            else f"{INVALID}Neither {READS} nor {WRITES} can be specified for index: {name} when BillingMode is"
            " PAY_PER_REQUEST"
        )
    if mode == PROVISIONED and provisioned is None:
        raise ValidationException(
            f"{INVALID}ProvisionedThroughput is not specified for index: {name}"
            if is_new_table
            else f"{INVALID}Both {READS} and {WRITES} must be specified for index: {name}"
        )
    check_said(provisioned)
    members: dict[str, Any] = {"ProvisionedThroughput": fresh(provisioned)}
    caps = caps_of_new(wanted.get("OnDemandThroughput"), mode, name)
    if caps:
        members["OnDemandThroughput"] = caps
    members["WarmThroughput"] = warm_of_new(wanted.get("WarmThroughput"), provisioned, name)
    return members


def fresh(provisioned: Capacity | None) -> dict[str, Any]:
    """As it is shown of what was never changed; zeros on demand."""
    wanted = provisioned or {READS: 0, WRITES: 0}
    return {"NumberOfDecreasesToday": 0, READS: wanted[READS], WRITES: wanted[WRITES]}


def decreases_today(provisioned: Capacity, now: float) -> int:
    """Of this day, in UTC."""
    last = provisioned.get("LastDecreaseDateTime")
    if last is None or datetime.fromtimestamp(last, UTC).date() != datetime.fromtimestamp(now, UTC).date():
        return 0
    return int(provisioned["NumberOfDecreasesToday"])


def check_said(provisioned: Capacity | None) -> None:
    for kind in (READS, WRITES) if provisioned is not None else ():
        assert provisioned is not None
        if provisioned[kind] > limits.DYNAMODB_CAPACITY_SAID_MAX:
            raise ValidationException(f"Given value {provisioned[kind]} for {kind} is out of bounds")


def caps_of_new(caps: Capacity | None, mode: str, index: str | None) -> dict[str, int]:
    for kind in CAPS:
        value = (caps or {}).get(kind)
        if value is None:
            continue
        if mode == PROVISIONED:
            of = "" if index is None else f" for index: {index}"
            raise ValidationException(
                f"{INVALID}{kind} for OnDemandThroughput{of} cannot be specified when table BillingMode is PROVISIONED."
            )
        check_cap(kind, value, index)
    return {kind: caps[kind] for kind in CAPS if caps is not None and kind in caps}


def check_cap(kind: str, value: int, index: str | None) -> None:
    """Raises ValidationException."""
    if value < 1:
        of = "table" if index is None else f"index : {index}"
        raise ValidationException(
            f"{INVALID}Requested {kind} for OnDemandThroughput for {of} is outside of valid range"
        )


def check_caps_of_account(caps: Capacity, region: str, index: str | None) -> None:
    """Raises LimitExceededException."""
    for kind, most in zip(CAPS, ("TableMaxReadCapacityUnits", "TableMaxWriteCapacityUnits"), strict=True):
        if caps.get(kind, 0) > limits.DYNAMODB_TABLE_CAPACITY_MAX:
            of = "table" if index is None else f"index : {index}"
            raise LimitExceededException(
                f"Subscriber limit exceeded: Requested {kind} for OnDemandThroughput for {of} exceeds {most} of the"
                f" account in region {region}"
            )


def warm_of_new(wanted: Capacity | None, provisioned: Capacity | None, index: str | None) -> dict[str, Any]:
    of = "table" if index is None else f"index {index}"
    least = initial_warmth(provisioned)
    for kind in WARM:
        value = (wanted or {}).get(kind)
        if value is None or value >= least[kind]:
            continue
        if provisioned is None:
            than = f"initial throughput for OnDemand. See: {_INITIAL}"
        else:
            than = f"{READS if kind == WARM[0] else WRITES} of ProvisionedThroughput"
        raise ValidationException(f"{INVALID}Requested {kind} for WarmThroughput for {of} is lower than {than}")
    return {**least, **{kind: value for kind, value in (wanted or {}).items() if kind in WARM}, "Status": "ACTIVE"}


def initial_warmth(provisioned: Capacity | None) -> dict[str, int]:
    if provisioned is None:
        return dict(zip(WARM, (limits.DYNAMODB_WARM_READS, limits.DYNAMODB_WARM_WRITES), strict=True))
    return dict(zip(WARM, (provisioned[READS], provisioned[WRITES]), strict=True))


def warmer(warm: Capacity, provisioned: Capacity | None) -> dict[str, Any]:
    """What something is warm for once it has this too: it never cools."""
    at_least = initial_warmth(provisioned)
    return {**warm, **{kind: max(warm[kind], at_least[kind]) for kind in WARM}}


# --- what an account may have ----------------------------------------------------------------------------------------


def check_account(tx: Tx, arn: str, wanted: Iterable[tuple[str | None, Capacity]]) -> None:
    """Raises LimitExceededException unless the table with this ARN, and its indexes by their names, may provision
    that much beside what all others of the account in its region have ("Quotas in Amazon DynamoDB").
    """
    region = names.parse_arn(arn).region
    capacities = [(index, capacity) for index, capacity in wanted if capacity[READS] or capacity[WRITES]]
    for kind in (READS, WRITES):
        for index, capacity in capacities:
            _check_each(kind, capacity[kind], index, region)
        reserved = _reserved(tx, arn, kind) if capacities else 0
        requested = sum(capacity[kind] for _, capacity in capacities)
        if reserved + requested > limits.DYNAMODB_ACCOUNT_CAPACITY_MAX:
            raise LimitExceededException(
                f"This request would have caused the {kind} limit to be exceeded for the account in {region}. Current"
                f" {kind} reserved by the account: {reserved}. Limit: {limits.DYNAMODB_ACCOUNT_CAPACITY_MAX}."
                f" Requested: {requested}. {_SEE}"
            )


def _check_each(kind: str, units: int, index: str | None, region: str) -> None:
    most = limits.DYNAMODB_TABLE_CAPACITY_MAX
    if units <= most:
        return
    if index is None:
        raise LimitExceededException(
            f"The requested {kind}, {units}, is above the per table maximum for the account in {region}. Per table"
            f" maximum: {most}. {_SEE}"
        )
    raise LimitExceededException(
        f"The requested {kind} for index {index}, {units}, is above the per index maximum for the account in {region}."
        f" Per index maximum: {most}. {_SEE}"
    )


def _reserved(tx: Tx, arn: str, kind: str) -> int:
    """By all other tables of the account in the region."""
    parsed = names.parse_arn(arn)
    rows = tx.all(
        "SELECT definition FROM dynamodb_tables WHERE account = ? AND region = ? AND arn <> ?",
        *(parsed.account, parsed.region, arn),
    )
    return sum(sum(capacity[kind] for _, capacity in provisioned(orjson.loads(row["definition"]))) for row in rows)


def provisioned(definition: Mapping[str, Any]) -> list[tuple[str | None, Capacity]]:
    """What a table and its global indexes have provisioned."""
    indexes = definition.get("GlobalSecondaryIndexes", ())
    return [
        (None, definition["ProvisionedThroughput"]),
        *((each["IndexName"], each["ProvisionedThroughput"]) for each in indexes),
    ]
