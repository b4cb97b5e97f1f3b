"""What UpdateTable changes of what a table and its indexes can do: billing mode, provisioned units, caps, warmth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from wakeful import limits, names
from wakeful.services.dynamodb.errors import LimitExceededException, ResourceNotFoundException, ValidationException
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import throughput
from wakeful.services.dynamodb.tables.change import Change
from wakeful.services.dynamodb.tables.definition import INVALID
from wakeful.services.dynamodb.tables.throughput import CAPS, ON_DEMAND, PROVISIONED, READS, WARM, WRITES, Capacity
from wakeful.store.tx import Tx

Request = Mapping[str, Any]


def check(request: Request) -> None:
    """Raises ValidationException for what no table could be asked."""
    mode, provisioned = request.get("BillingMode"), request.get("ProvisionedThroughput")
    if mode == ON_DEMAND and provisioned is not None:
        raise ValidationException(
            f"{INVALID}ProvisionedThroughput cannot be specified when BillingMode is PAY_PER_REQUEST"
        )
    if mode == PROVISIONED and provisioned is None:
        raise ValidationException(f"{INVALID}ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
    throughput.check_said(provisioned)
    for action in _index_updates(request):
        throughput.check_said(action.get("ProvisionedThroughput"))
        if action.get("WarmThroughput") == {}:
            raise ValidationException(
                f"{INVALID}WarmThroughput must have at least one of ReadUnitsPerSecond or WriteUnitsPerSecond specified"
                f" for index: {action['IndexName']}"
            )


def is_no_change(found: Table, wanted: set[str]) -> bool:
    """Whether it is on demand, and is asked for nothing else."""
    return wanted == {"BillingMode"} and found.definition["BillingMode"] == ON_DEMAND


def apply(tx: Tx, change: Change, request: Request) -> None:
    found = change.found
    before = found.definition["BillingMode"]
    mode = request.get("BillingMode", before)
    if "BillingMode" in request:
        change.busy()
        change.shown["BillingModeSummary"] = {"BillingMode": mode}
        if mode != before:
            _switch(tx, change, request, mode)
    if request.get("ProvisionedThroughput") is not None:
        _provision(tx, change, request["ProvisionedThroughput"], mode, is_switch=mode != before)
    if request.get("OnDemandThroughput"):
        _cap(change, request["OnDemandThroughput"], mode)
    if request.get("WarmThroughput"):
        _warm(change, request["WarmThroughput"])
    for action in _index_updates(request):
        _update_index(tx, change, action, mode, is_switch=mode != before)
    _check_account(tx, change)


def _index_updates(request: Request) -> list[Mapping[str, Any]]:
    return [each["Update"] for each in request.get("GlobalSecondaryIndexUpdates") or () if each.get("Update")]


# --- the billing mode ------------------------------------------------------------------------------------------------


def _switch(tx: Tx, change: Change, request: Request, mode: str) -> None:
    definition = change.found.definition
    change.later("BillingMode", mode)
    change.later("OnDemandThroughput", None)
    for index in definition.get("GlobalSecondaryIndexes", ()):
        change.later_index(index["IndexName"], {"OnDemandThroughput": None})
    if mode == PROVISIONED:
        told = {each["IndexName"] for each in _index_updates(request) if each.get("ProvisionedThroughput")}
        for index in definition.get("GlobalSecondaryIndexes", ()):
            if index["IndexName"] not in told:
                raise ValidationException(
                    f"{INVALID}ProvisionedThroughput must be specified for index: {index['IndexName']}"
                )
        return
    change.later("LastUpdateToPayPerRequestDateTime", tx.now)
    change.later("ProvisionedThroughput", {**definition["ProvisionedThroughput"], READS: 0, WRITES: 0})
    change.later("WarmThroughput", throughput.warmer(definition["WarmThroughput"], None))
    for index in definition.get("GlobalSecondaryIndexes", ()):
        members = {
            "ProvisionedThroughput": {**index["ProvisionedThroughput"], READS: 0, WRITES: 0},
            "WarmThroughput": throughput.warmer(index["WarmThroughput"], None),
        }
        change.later_index(index["IndexName"], members)


# --- provisioned units -----------------------------------------------------------------------------------------------


def _provision(tx: Tx, change: Change, wanted: Capacity, mode: str, *, is_switch: bool) -> None:
    if mode == ON_DEMAND:
        raise ValidationException(
            f"{INVALID}Neither {READS} nor {WRITES} can be specified when BillingMode is PAY_PER_REQUEST"
        )
    definition = change.found.definition
    after = _changed(tx, definition["ProvisionedThroughput"], wanted, None, is_switch=is_switch)
    change.busy()
    change.later("ProvisionedThroughput", after)
    change.later("WarmThroughput", throughput.warmer(definition["WarmThroughput"], wanted))


def _changed(tx: Tx, before: Capacity, wanted: Capacity, index: str | None, *, is_switch: bool) -> dict[str, Any]:
    """With when it was changed, and how often it was decreased today. Raises ValidationException where it stays as it
    is, and LimitExceededException where that is once too often.
    """
    units = {READS: wanted[READS], WRITES: wanted[WRITES]}
    if is_switch:
        return {**before, **units}
    of = "the table" if index is None else f"the index {index}"
    if all(before[kind] == units[kind] for kind in units):
        told = " ".join(
            f"Current {kind} provisioned for {of}: {before[kind]}. Requested {kind}: {units[kind]}." for kind in units
        )
        raise ValidationException(
            f"The provisioned throughput for {of} will not change. The requested value equals the current value. {told}"
            " Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
        )
    after = {**before, **units}
    if any(units[kind] > before[kind] for kind in units):
        after["LastIncreaseDateTime"] = tx.now
    if any(units[kind] < before[kind] for kind in units):
        after["NumberOfDecreasesToday"] = _decreased(before, tx.now)
        after["LastDecreaseDateTime"] = tx.now
    return after


def _decreased(before: Capacity, now: float) -> int:
    """How many decreases there are today, with this one. Raises LimitExceededException."""
    count = throughput.decreases_today(before, now)
    if count < limits.DYNAMODB_DECREASES_A_DAY:
        return count + 1
    last = before["LastDecreaseDateTime"]
    tomorrow = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    again = min(last + limits.DYNAMODB_DECREASE_PAUSE_S, tomorrow.timestamp())
    if now >= again:
        return count + 1
    raise LimitExceededException(
        "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After the"
        f" first {limits.DYNAMODB_DECREASES_A_DAY} decreases, each subsequent decrease in the same UTC day can be"
        f" performed at most once every {int(limits.DYNAMODB_DECREASE_PAUSE_S)} seconds. Number of decreases today:"
        f" {count}. Last decrease at {_told(last)}. Next decrease can be made at {_told(again)}."
    )


def _told(at: float) -> str:
    when = datetime.fromtimestamp(at, UTC)
    hour = when.strftime("%I").lstrip("0")
    return f"{when:%A, %B} {when.day}, {when.year} at {hour}:{when:%M:%S %p} Coordinated Universal Time"


# --- caps and warmth -------------------------------------------------------------------------------------------------


def _cap(change: Change, wanted: Capacity, mode: str) -> None:
    """Each cap is changed by itself, and -1 takes it away."""
    region = change.found.region
    _check_caps(wanted, mode, region, None)
    before = change.found.definition.get("OnDemandThroughput", {})
    change.set("OnDemandThroughput", _capped(before, wanted) or None)
    change.shown["OnDemandThroughput"] = {**before, **wanted}
    if "set" in change.then and "OnDemandThroughput" in change.then["set"]:
        change.later("OnDemandThroughput", _capped({}, wanted) or None)  # with a new billing mode


def _check_caps(wanted: Capacity, mode: str, region: str, index: str | None) -> None:
    for kind in CAPS:
        if wanted.get(kind) is None:
            continue
        if mode == PROVISIONED:
            of = "" if index is None else f" for index : {index}"
            raise ValidationException(
                f"{INVALID}{kind} for OnDemandThroughput{of} cannot be specified when the table BillingMode is"
                " PROVISIONED"
            )
        if wanted[kind] != -1:
            throughput.check_cap(kind, wanted[kind], index)
    throughput.check_caps_of_account(wanted, region, index)


def _capped(before: Capacity, wanted: Capacity) -> dict[str, int]:
    return {kind: value for kind, value in {**before, **wanted}.items() if value != -1}


def _warm(change: Change, wanted: Capacity) -> None:
    before = change.found.definition["WarmThroughput"]
    after = _warmed(before, wanted, None, change.found.region)
    change.set("WarmThroughput", {**before, "Status": "UPDATING"})
    change.later("WarmThroughput", after)


def _warmed(before: Capacity, wanted: Capacity, index: str | None, region: str) -> dict[str, Any]:
    of = "table" if index is None else f"index {index}"
    for kind, most in zip(WARM, ("TableMaxReadCapacityUnits", "TableMaxWriteCapacityUnits"), strict=True):
        value = wanted.get(kind)
        if value is not None and value < before[kind]:
            raise ValidationException(
                f"{INVALID}Requested {kind} for WarmThroughput for {of} is lower than current WarmThroughput,"
                " decreasing WarmThroughput is not supported"
            )
        if value is not None and value > limits.DYNAMODB_TABLE_CAPACITY_MAX:
            raise LimitExceededException(
                f"Subscriber limit exceeded: Requested {kind} for WarmThroughput for {of} exceeds {most} of the account"
                f" in region {region}"
            )
    return {**before, **wanted, "Status": "ACTIVE"}


# --- indexes ---------------------------------------------------------------------------------------------------------


def _update_index(tx: Tx, change: Change, action: Mapping[str, Any], mode: str, *, is_switch: bool) -> None:
    name = action["IndexName"]
    index = next(
        (each for each in change.found.definition.get("GlobalSecondaryIndexes", ()) if each["IndexName"] == name), None
    )
    if index is None:
        if change.found.index(name) is not None:
            raise ValidationException(f"Cannot update an index that is not a GlobalSecondaryIndex: {name}")
        raise ResourceNotFoundException(f"Requested resource not found: Index {name} for table {change.found.name}")
    wanted, caps, warm = (
        action.get(each) for each in ("ProvisionedThroughput", "OnDemandThroughput", "WarmThroughput")
    )
    if mode == ON_DEMAND and (wanted is not None or not (caps or warm)):
        raise ValidationException(
            f"{INVALID}The only Updates for index: {name} when TableThroughputMode is PAY_PER_REQUEST can be to"
            " OnDemandThroughput, WarmThroughput"
        )
    if mode == PROVISIONED and wanted is None and not (caps or warm):
        raise ValidationException(f"{INVALID}Both {READS} and {WRITES} must be specified for index: {name}")
    later: dict[str, Any] = {}
    if wanted is not None:
        later["ProvisionedThroughput"] = _changed(tx, index["ProvisionedThroughput"], wanted, name, is_switch=is_switch)
        later["WarmThroughput"] = throughput.warmer(index["WarmThroughput"], wanted)
    region = names.parse_arn(change.found.arn).region
    if caps:
        _check_caps(caps, mode, region, name)
        later["OnDemandThroughput"] = _capped(index.get("OnDemandThroughput", {}), caps) or None
    if warm:
        later["WarmThroughput"] = _warmed(later.get("WarmThroughput", index["WarmThroughput"]), warm, name, region)
    if index["IndexStatus"] == "ACTIVE":
        change.set_index(name, {"IndexStatus": "UPDATING"})
        later["IndexStatus"] = "ACTIVE"
    change.later_index(name, later)


def _check_account(tx: Tx, change: Change) -> None:
    """Of what the table and its indexes will have."""
    later = change.then.get("set", {})
    indexes = change.then.get("indexes", {})
    after = {**change.definition, **{name: value for name, value in later.items() if value is not None}}
    wanted = [
        (name, indexes.get(name or "", {}).get("ProvisionedThroughput") or capacity)
        for name, capacity in throughput.provisioned(after)
    ]
    if wanted != throughput.provisioned(change.found.definition):
        throughput.check_account(tx, change.found.arn, wanted)
