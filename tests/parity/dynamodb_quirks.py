"""Where DynamoDB Local is known not to answer as DynamoDB does, which Wakeful follows. All else must be the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.parity.dynamodb_answers import Answer, comparable

SAME = ""
ANSWERED = "answered"

_TRANSACTIONS = frozenset(("TransactWriteItems", "TransactGetItems", "ExecuteTransaction"))
_STATEMENTS = frozenset(("ExecuteStatement", "StatementToTheEnd", "BatchExecuteStatement", "ExecuteTransaction"))
_OF_ITEMS = frozenset(("PutItem", "UpdateItem", "DeleteItem"))
_INEXACT_UNITS = _TRANSACTIONS | _STATEMENTS | {"BatchWriteItem", "BatchGetItem"}

_INVALID = "ValidationException: "
_UNFIT = (
    "(The document path provided in the update expression is invalid for update"
    "|An operand in the update expression has an incorrect data type"
    "|The provided expression refers to an attribute that does not exist in the item"
    "|DynamoDB only supports precision up to 38 digits|Number overflow.*)"
)
_MALFORMED_KEY = (
    "(The number of conditions on the keys is invalid|Invalid attribute value type"
    "|One of the required keys was not given a value"
    "|One or more parameter values were invalid: Type mismatch for (key|Index Key))"
)
_BAD_VALUE = "(Supplied AttributeValue is empty, .*|.*contains duplicates.*|.*may not be empty|.*numeric value.*)"
_SCALARS = "Key attributes must be scalars; .*"
_NO_WAY = "The document path provided in the update expression is invalid for update"
_CANCELLED = "TransactionCanceledException: .*"


@dataclass(frozen=True, slots=True)
class Quirk:
    """Errors that differ as these patterns say do so for the reason; of those operations, where there are any."""

    local: str
    ours: str
    why: str
    operations: frozenset[str] = frozenset()

    def explains(self, operation: str, local: str, ours: str) -> bool:
        return (
            (not self.operations or operation in self.operations)
            and re.fullmatch(self.local, local, re.DOTALL) is not None
            and re.fullmatch(self.ours, ours, re.DOTALL) is not None
        )


QUIRKS: tuple[Quirk, ...] = (
    # --- what it does not look at, or looks at too late ---
    Quirk("InternalFailure: .*", ".*", "it fails itself"),
    Quirk("TrimmedDataAccessException: .*", ANSWERED, "it forgets records under load", frozenset(("Records",))),
    Quirk(".*", "SerializationException: .*", "it takes members of wrong types, or looks at them late"),
    Quirk(
        f"{_INVALID}.*",
        f"{_INVALID}1 validation error detected: Value null at .*",
        "it has words of its own for a value that is null",
    ),
    Quirk(
        f"({_INVALID}|ValidationError: ){_MALFORMED_KEY}",
        f"({_INVALID}|ValidationError: |TransactionCanceledException: ).*",
        "it looks first, and in words of its own, at whether a key is one",
    ),
    Quirk(
        f"TransactionCanceledException: {_MALFORMED_KEY}",
        _CANCELLED,
        "it gives no reasons where a key is none",
    ),
    Quirk(
        "ConditionalCheckFailed(Exception)?: The conditional request failed\\.?",
        f"(ValidationError: |{_INVALID})(One or more .* Cannot update attribute .*|{_SCALARS})",
        "it asks a condition before it looks at the keys in an expression",
    ),
    Quirk(
        f"({_CANCELLED}|{ANSWERED})",
        f"{_INVALID}{_SCALARS}",
        "it asks a condition before it looks at the keys in an expression",
        _TRANSACTIONS,
    ),
    Quirk(
        f"{_INVALID}(Must specify the AttributesToGet or ProjectionExpression|ALL_PROJECTED_ATTRIBUTES can be used) .*",
        f"{_INVALID}{_SCALARS}",
        "of two mistakes it tells Select's first",
    ),
    Quirk(
        f"{_INVALID}Provided list of item keys contains duplicates",
        f"{_INVALID}(Invalid ProjectionExpression: .*|The provided key element does not match the schema"
        f"|.*Type mismatch for Index Key .*|{_SCALARS})",
        "of two mistakes it tells that of the keys first",
    ),
    # --- transactions ---
    Quirk(
        f"({ANSWERED}|{_CANCELLED})",
        f"{_INVALID}Transaction request cannot include multiple operations on one item",
        "it lets a condition be asked of an item that the same transaction writes",
        _TRANSACTIONS,
    ),
    Quirk(
        f"{_CANCELLED}\\[ValidationError\\]",
        f"{_CANCELLED}ValidationError.*",
        "it gives one reason where an update is of a key",
        _TRANSACTIONS,
    ),
    Quirk(
        f"{_INVALID}(Invalid (Update|Condition)Expression: .*|.*multiple operations on one item|{_BAD_VALUE})",
        f"{_INVALID}({_SCALARS}|{_BAD_VALUE})",
        "it reads all expressions of a transaction before it looks at the keys in one",
        _TRANSACTIONS,
    ),
    Quirk(
        f"{_INVALID}{_UNFIT}",
        f"{_CANCELLED}ValidationError.*",
        "it refuses a transaction for an update that does not fit, and gives no reasons",
        _TRANSACTIONS,
    ),
    Quirk(
        f"{_INVALID}{_UNFIT}",
        f"{_INVALID}.*",
        "it carries a transaction out one by one, and tells first what it meets first",
        _TRANSACTIONS,
    ),
    Quirk(
        "ConditionalCheckFailed: The conditional request failed\\.",
        "ConditionalCheckFailed: The conditional request failed",
        "it ends the sentence where only a condition is asked",
    ),
    Quirk(
        "ValidationError: Duplicate primary key exists in table",
        "DuplicateItem: Duplicate primary key exists in table",
        "it has no reason of its own for an item that is there",
    ),
    # --- updates ---
    Quirk(
        f"({_INVALID}|ValidationError: ){_UNFIT}",
        f"({_INVALID}|ValidationError: ){_UNFIT}",
        "of several actions that do not fit it tells one by a hash of their names",
    ),
    Quirk(
        f"{_INVALID}Updates on index keys must be of the same data type as the key attribute",
        f"({_INVALID}.*Type mismatch for (Index Key .*|attribute to update)|{ANSWERED})",
        "it looks at the value of AttributeUpdates even where nothing comes of it",
    ),
    Quirk(
        f"{_INVALID}(Type mismatch for attribute to update|.* Cannot update attribute .*)",
        f"{_INVALID}.* (Only DELETE action is allowed when no attribute value is specified|Cannot update attribute .*)",
        "it looks at one of AttributeUpdates after the other",
    ),
    Quirk(
        "ConditionalCheckFailedException: .*",
        f"{_INVALID}(.*Only DELETE action is allowed when no attribute value is specified|{_BAD_VALUE})",
        "it asks a condition before it looks at AttributeUpdates",
    ),
    Quirk(
        ANSWERED,
        f"{_INVALID}The update expression attempted to update the secondary index key to unsupported type",
        "it keeps items whose index key has become another type, and leaves them out of the index",
    ),
    # --- the same in other words ---
    Quirk(
        f"({_INVALID}|ValidationError: ).*Two document paths (overlap|conflict) with each other; .*",
        f"({_INVALID}|ValidationError: ).*Two document paths (overlap|conflict) with each other; .*",
        "of three paths it names two that do not overlap",
    ),
    Quirk(
        f"{_INVALID}{_SCALARS}",
        f"{_INVALID}{_SCALARS}",
        "of two keys in paths it names another",
    ),
    Quirk(
        f"{_INVALID}Invalid \\w+: The BETWEEN operator requires .*",
        f"{_INVALID}Invalid \\w+: The BETWEEN operator requires .*",
        "it tells numbers as they came, and binaries as Java has them",
    ),
    Quirk(
        f"{_INVALID}.* does not project \\[.*\\]",
        f"{_INVALID}.* does not project \\[.*\\]",
        "it names attributes in the order of a hash",
    ),
    Quirk(
        f"{_INVALID}.*Input collection .* contains duplicates.*",
        f"{_INVALID}.*Input collection .* contains duplicates\\..*",
        "it leaves the sentence open",
    ),
    Quirk(
        f"{_INVALID}.*A value provided cannot be converted into a number.*",
        f"{_INVALID}.*The parameter cannot be converted to a numeric value.*",
        "it has words of its own for what is no number",
    ),
    Quirk(
        f"{_INVALID}.*DynamoDB only supports precision up to 38 digits.*",
        f"{_INVALID}.*(Attempting to store more than 38 significant digits in a Number|Number overflow).*",
        "it has words of its own for too many digits",
    ),
    Quirk(
        f"{_INVALID}.*Null attribute value types must have the value of true.*",
        ".*",
        "DynamoDB takes a NULL that is false, as it did not once",
    ),
    Quirk(
        f"{_INVALID}Query condition missed key schema element",
        f"{_INVALID}Query condition missed key schema element: \\w+",
        "it does not name the key of an index",
    ),
    Quirk(
        "ResourceNotFoundException: Requested resource not found",
        "ResourceNotFoundException: Requested resource not found: Index \\w+ for table \\w+",
        "it does not name the index",
    ),
    Quirk(
        f"{_INVALID}.* does not project one or more filter attributes: .*",
        f"{_INVALID}Must specify the AttributesToGet or ProjectionExpression .*",
        "of two mistakes it tells that of the filter first",
    ),
    Quirk(
        f"{_INVALID}QueryFilter can only contain non-primary key attributes: .*",
        f"{_INVALID}Attempted conditional constraint is not an indexable operation",
        "of two mistakes it tells that of the filter first",
    ),
    Quirk(
        f"{_INVALID}One or more .* Condition parameter type does not match schema type",
        f"{_INVALID}One or more .* (ComparisonOperator \\w+ is not valid for|AttributeValues inside) .*",
        "of two mistakes it tells that of the keys first",
    ),
    # --- statements ---
    Quirk(
        "ResourceNotFoundException: Cannot do operations on a non-existent table",
        "ResourceNotFoundException: Requested resource not found",
        "it has words of its own for a table that is not there",
    ),
    Quirk(
        ANSWERED,
        f"{_INVALID}Key attribute's data type should match .*",
        "it does not look at the types of what IN compares a key with",
        frozenset(("ExecuteStatement", "StatementToTheEnd")),
    ),
    Quirk("DuplicateItem: .*", "DuplicateItemException: .*", "it cuts the name of the error"),
    Quirk(
        "(ValidationException|ValidationError): .*The first argument to SET_(ADD|DELETE) must equal .* value",
        "(ValidationException|ValidationError): .*The first argument to SET_(ADD|DELETE) must equal .* at [0-9:]+",
        "it does not say where",
    ),
    Quirk(
        "ValidationError: Only single item select is supported",
        "ValidationError: (Select statements within BatchExecuteStatement must specify the primary key .*"
        "|Key attribute's data type should match .*|Key value must be of type .*)",
        "it has older words for a batch's SELECT that names no item",
    ),
    Quirk(
        "(ValidationException|ValidationError): .*",
        "(ValidationException|ValidationError): .*Statement wasn't well formed, can't be processed: .*",
        "it tells what its parser says",
        _STATEMENTS,
    ),
    Quirk(
        f"{_INVALID}.*Statement wasn't well formed, can't be processed: .*",
        f"{_INVALID}.*",
        "it has no better words for most that is wrong with a statement",
        _STATEMENTS,
    ),
    Quirk(
        f"(ValidationError: |{_CANCELLED}).*",
        f"{_INVALID}Validation failed in TransactStatements\\[\\d\\]: .*",
        "it looks at some statements of a transaction only when it carries them out",
        _TRANSACTIONS,
    ),
    Quirk(
        f"{_INVALID}One or more parameter values were invalid: Condition parameter type does not match schema type",
        f"({_INVALID}Key attribute's data type should match .*|{ANSWERED})",
        "it reads a condition on a key as KeyConditions, also beside OR",
        _STATEMENTS,
    ),
    Quirk(
        "(ValidationException|ValidationError): .*Key value must be of type S, N, or B. .*",
        f"{_INVALID}Validation failed in TransactStatements\\[\\d\\]: RETURNING .*",
        "of two mistakes it tells that of WHERE first",
        _STATEMENTS,
    ),
    Quirk(
        "ValidationError: Statement wasn't well formed, can't be processed: .*",
        "ValidationError: .*",
        "it has no better words for most that is wrong with a statement",
        _STATEMENTS,
    ),
    Quirk(
        f"{_INVALID}(Unsupported operation in transaction\\.|EXISTS can only be used .*)",
        f"{_INVALID}(Validation failed in TransactStatements.*|Aliasing is not supported)",
        "it has no better words for most that is wrong with a statement",
        _STATEMENTS,
    ),
    Quirk(
        "(ValidationException|ValidationError): (.*: )?Key attributes must be scalars; .* Key \\w+",
        "(ValidationException|ValidationError): (.*: )?Key attributes must be scalars; .* Key: \\w+",
        "it writes that without a colon",
        _STATEMENTS,
    ),
    Quirk(
        "(ValidationException|ValidationError): Incorrect operand type for operator or function; .*",
        "(ValidationException|ValidationError): (The first argument to|Select statements within) .*",
        "of two mistakes it tells that of WHERE first",
        _STATEMENTS,
    ),
    Quirk(
        f"{_INVALID}Validation failed in TransactStatements\\[\\d\\]: (RETURNING|EXISTS\\(\\)) .*",
        f"{_INVALID}Validation failed in TransactStatements\\[\\d\\]: .*",
        "of two mistakes it tells that of the first statement",
        _TRANSACTIONS,
    ),
)


def difference(operation: str, request: dict[str, Any], local: Answer, ours: Answer) -> str | None:
    """Why the answers differ, where it is known; nothing said where they do not differ; None where nobody knows."""
    expected, found = comparable(operation, request, local), comparable(operation, request, ours)
    if expected == found:
        return SAME
    if "error" not in expected and "error" not in found:
        return next((why for each, why in _ANSWERS if each(operation, request, expected, found)), None)
    if _follows_paths_of_nothing(request, expected, found):
        return _TAKING_AWAY
    if operation == "BatchExecuteStatement" and "error" in expected and "error" not in found:
        is_told = any(each.get("Error", {}).get("Message") == expected["message"] for each in found["Responses"])
        return "it refuses a whole batch for one statement's parameter" if is_told else None
    reasons = [each.get("CancellationReasons") for each in (expected, found)]
    if None not in reasons and len(reasons[0]) == len(reasons[1]):
        return _all(operation, [_both(one, other) for one, other in zip(*reasons, strict=True)])
    return _why(operation, _error(expected), _error(found))


def _all(operation: str, pairs: list[tuple[str, str]]) -> str | None:
    """Why the one and the other of each pair differ."""
    whys = {_why(operation, one, other) for one, other in pairs if one != other}
    return None if None in whys or not whys else "; ".join(sorted(map(str, whys)))


def _why(operation: str, local: str, ours: str) -> str | None:
    return next((each.why for each in QUIRKS if each.explains(operation, local, ours)), None)


def _both(one: Any, other: Any) -> tuple[str, str]:
    """Two reasons, with their items where these are not the same for the same reason."""
    is_same = one["Code"] != other["Code"] or one.get("Item") == other.get("Item")
    items = ["" if is_same else f" {json.dumps(each.get('Item'), sort_keys=True)}" for each in (one, other)]
    told, found = (f"{each['Code']}: {each.get('Message')}" for each in (one, other))
    return told + items[0], found + items[1]


def _error(answer: Any) -> str:
    return f"{answer['error']}: {answer['message']}" if "error" in answer else ANSWERED


# --- answers that are no errors ---------------------------------------------------------------------------------------

_TAKING_AWAY = "it makes an item where an update only takes away from nothing, and follows the update's paths"


def _follows_paths_of_nothing(request: Any, expected: Any, found: Any) -> bool:
    is_taking_away = re.search(r"\b(REMOVE|DELETE) ", json.dumps(request)) is not None
    is_refused = found.get("error") in (None, "ValidationException", "TransactionCanceledException")
    return is_taking_away and is_refused and expected.get("message") == _NO_WAY


def _made_of_nothing(operation: str, request: Any, expected: Any, found: Any) -> bool:
    told = expected.get("Attributes", expected.get("Item"))
    rest = {key: value for key, value in expected.items() if key not in ("Attributes", "Item")}
    return operation in ("UpdateItem", "GetItem") and told is not None and rest == found and _is_key(told, request)


def _is_key(item: Any, request: Any) -> bool:
    return set(item) <= set(request["Key"])


def _units_of_statements(operation: str, request: Any, expected: Any, found: Any) -> bool:
    return operation in _INEXACT_UNITS and _without_units(expected) == _without_units(found)


def _units_of_nothing(operation: str, request: Any, expected: Any, found: Any) -> bool:
    both_tell = "ConsumedCapacity" in expected and "ConsumedCapacity" in found
    tells_none = re.search(r'"CapacityUnits": [1-9]', json.dumps(expected)) is None
    return both_tell and tells_none and _without_units(expected) == _without_units(found)


def _units_of_half_keys(operation: str, request: Any, expected: Any, found: Any) -> bool:
    told, ours = (each.get("ConsumedCapacity", {}) for each in (expected, found))
    is_more = operation in _OF_ITEMS and told.get("CapacityUnits", 0) > ours.get("CapacityUnits", 0) > 0
    return is_more and _without_units(expected) == _without_units(found)


def _all_of_an_attribute(operation: str, request: Any, expected: Any, found: Any) -> bool:
    is_of_paths = request.get("ReturnValues") in ("UPDATED_OLD", "UPDATED_NEW") and re.search(
        r"[.\\[]", request.get("UpdateExpression", "")
    )
    told, ours = (each.get("Attributes", {}) for each in (expected, found))
    return operation == "UpdateItem" and bool(is_of_paths) and set(ours) <= set(told)


def _hidden_by_what_an_index_has_not(operation: str, request: Any, expected: Any, found: Any) -> bool:
    is_filtered = "IndexName" in request and "FilterExpression" in request
    return is_filtered and expected.get("ScannedCount", -1) == found.get("ScannedCount")


def _without_units(body: Any) -> Any:
    return {key: value for key, value in body.items() if key != "ConsumedCapacity"}


def _of_batch(operation: str, request: Any, expected: Any, found: Any) -> bool:
    if operation != "BatchExecuteStatement":
        return False
    pairs = [pair for pair in zip(expected["Responses"], found["Responses"], strict=True) if pair[0] != pair[1]]
    return all(
        "Error" in one and "Error" in other and _is_known_of_batch(one["Error"], other["Error"]) for one, other in pairs
    )


def _is_known_of_batch(one: Any, other: Any) -> bool:
    told, found = (f"{each['Code']}: {each['Message']}" for each in (one, other))
    return told == found or _why("BatchExecuteStatement", told, found) is not None


_ANSWERS: tuple[tuple[Callable[[str, Any, Any, Any], Any], str], ...] = (
    (_made_of_nothing, _TAKING_AWAY),
    (_units_of_statements, "it counts units of statements, transactions and batches in its own way, or not at all"),
    (
        _units_of_half_keys,
        "it counts an index of whose key's attributes some come and others go, in which neither item is",
    ),
    (_all_of_an_attribute, "it shows all of an attribute where DynamoDB shows what a path names"),
    (_hidden_by_what_an_index_has_not, "it filters what an index has by attributes that only the table has"),
    (_of_batch, "it has words of its own for what is wrong with a statement of a batch"),
    (_units_of_nothing, "it counts nothing where nothing is read"),
)
