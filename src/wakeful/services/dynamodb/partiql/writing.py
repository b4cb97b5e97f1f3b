"""INSERT, UPDATE, DELETE and EXISTS, as writes of one item: the same that PutItem and its kind are made of."""

from __future__ import annotations

from collections.abc import Sequence

from wakeful.services.dynamodb import returned, writes
from wakeful.services.dynamodb.capacity import Meter
from wakeful.services.dynamodb.changes import Cause
from wakeful.services.dynamodb.errors import (
    ConditionalCheckFailedException,
    DuplicateItemException,
    ValidationException,
)
from wakeful.services.dynamodb.expressions.conditions import BoundCondition
from wakeful.services.dynamodb.expressions.key_conditions import check_scalars
from wakeful.services.dynamodb.expressions.requests import Asked, check_keys_stay
from wakeful.services.dynamodb.partiql import binding, plans
from wakeful.services.dynamodb.partiql.binding import Parameters
from wakeful.services.dynamodb.partiql.syntax import Condition, Delete, Exists, Insert, Statement, Update
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import Item, Value, checked
from wakeful.services.dynamodb.writes import Outcome, Write
from wakeful.store.tx import Tx

_RETURNED = {
    "ALL OLD": "ALL_OLD",
    "ALL NEW": "ALL_NEW",
    "MODIFIED OLD": "UPDATED_OLD",
    "MODIFIED NEW": "UPDATED_NEW",
}


def check(statement: Statement, parameters: Parameters) -> None:
    """Raises ValidationException for what is wrong with it, whatever the table."""
    if isinstance(statement, Insert):
        parameters.known(statement.item)
    elif isinstance(statement, Update):
        binding.update_of(statement.assignments, statement.removals, parameters)
        binding.filter_of(statement.where, parameters)
    elif isinstance(statement, Delete):
        binding.filter_of(statement.where, parameters)
    elif isinstance(statement, Exists):
        binding.filter_of(statement.select.where, parameters)


def write_of(found: Table, statement: Statement, parameters: Parameters, *, told_on_failure: bool = False) -> Write:
    """What the statement does to one item. Raises ValidationException where it does not name one."""
    if isinstance(statement, Insert):
        return _insert(found, statement, parameters)
    if isinstance(statement, Update):
        key, rest = _key(found, statement.where, parameters)
        condition = _condition(found, rest, parameters, there=found.keys.partition[0].name)
        update = binding.update_of(statement.assignments, statement.removals, parameters)
        check_keys_stay(update.paths(), found.keys)
        check_scalars((*update.paths(), *update.read), found.keys, found)
        return Write("Update", found, key, Asked(condition=condition, update=update), told_on_failure)
    if isinstance(statement, Delete):
        key, rest = _key(found, statement.where, parameters)
        # What is not there is not deleted, and no condition is asked of it.
        condition = _condition(found, rest, parameters, or_gone=found.keys.partition[0].name)
        asked = None if condition is None else Asked(condition=condition)
        return Write("Delete", found, key, asked, told_on_failure)
    assert isinstance(statement, Exists)
    return _check_of(found, statement, parameters, told_on_failure=told_on_failure)


def carry_out(tx: Tx, statement: Statement, write: Write, found: Table, cause: Cause, meter: Meter) -> list[Item]:
    """What was asked for is true; answered is what RETURNING says. Raises DuplicateItemException,
    ConditionalCheckFailedException and ValidationException.
    """
    wanted = _RETURNED.get(getattr(statement, "returning", None) or "", "NONE")
    try:
        outcome = writes.carry_out(tx, write, cause, meter, found, must_know=wanted != "NONE")
    except ConditionalCheckFailedException:
        if isinstance(statement, Insert):
            raise DuplicateItemException from None
        raise
    return _shown(wanted, outcome, write)


def _shown(wanted: str, outcome: Outcome, write: Write) -> list[Item]:
    paths = write.asked.update.paths() if write.asked is not None and write.asked.update is not None else ()
    paths = tuple(dict.fromkeys(path[:1] for path in paths))  # of what is changed in an attribute, all of it is shown
    shown = returned.updated(wanted, outcome, paths)
    return [] if shown is None else [shown]


def _insert(found: Table, statement: Insert, parameters: Parameters) -> Write:
    value: Value = parameters.known(statement.item)
    item = checked(value["M"])
    for attribute in found.keys.attributes:
        if attribute.name not in item:
            raise ValidationException(f"Key attribute should be present in the item: Key {attribute.name}")
        plans.check_key(attribute, item[attribute.name])
    condition = binding.gone(found.keys.partition[0].name)
    return Write("Put", found, item, Asked(condition=condition))


def _key(found: Table, where: Condition | None, parameters: Parameters) -> tuple[Item, tuple[Condition, ...]]:
    """The key of the item, and what else is asked of it."""
    key, rest = plans.equalities(found.keys.attributes, where, parameters)
    if len(key) < len(found.keys.attributes):
        raise ValidationException("Where clause does not contain a mandatory equality on all key attributes")
    return key, rest


def _condition(
    found: Table, all_of: Sequence[Condition], parameters: Parameters, *, there: str = "", or_gone: str = ""
) -> BoundCondition | None:
    condition = binding.condition_of(all_of, parameters, there=there or None, or_gone=or_gone or None)
    if condition is not None:
        check_scalars(condition.paths(), found.keys, found)
    return condition


def _check_of(found: Table, statement: Exists, parameters: Parameters, *, told_on_failure: bool) -> Write:
    select = statement.select
    if select.index is not None:
        raise ValidationException("Operations on indices are not supported in transactions")
    key, rest = plans.equalities(found.keys.attributes, select.where, parameters)
    if len(key) < len(found.keys.attributes) or not rest:
        raise ValidationException("EXISTS() must contain a single item read with additional condition")
    condition = _condition(found, rest, parameters, there=found.keys.partition[0].name)
    return Write("ConditionCheck", found, key, Asked(condition=condition), told_on_failure)
