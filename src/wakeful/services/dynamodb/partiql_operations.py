"""ExecuteStatement, BatchExecuteStatement and ExecuteTransaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

from wakeful.fabric.service import Call, Node
from wakeful.services.dynamodb import changes, item_rules, items, measuring, table, throttling, transactions, writes
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.capacity import Meter
from wakeful.services.dynamodb.changes import Cause
from wakeful.services.dynamodb.errors import (
    ConditionalCheckFailedException,
    DuplicateItemException,
    SerializationException,
    TransactionCanceledException,
    ValidationException,
)
from wakeful.services.dynamodb.known_tables import known
from wakeful.services.dynamodb.partiql import binding, parser, plans, selecting, writing
from wakeful.services.dynamodb.partiql.binding import Parameters
from wakeful.services.dynamodb.partiql.selecting import Selected
from wakeful.services.dynamodb.partiql.syntax import Exists, Insert, Select, Statement
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.transactions import Meters
from wakeful.services.dynamodb.values import Item, answered
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes

_EXISTS = "EXISTS can only be used in ExecuteTransaction write requests."
_BY_KEY = "Select statements within {} must specify the primary key in the where clause."
_TWICE = "Provided list of item keys contains duplicates"
_RAN = (ConditionalCheckFailedException, DuplicateItemException)
"""What a statement of a batch may fail with once it has come to its table."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A statement that was read, with its parameters."""

    statement: Statement
    parameters: Parameters
    request: Mapping[str, Any]

    @property
    def table(self) -> str:
        return self.statement.select.table if isinstance(self.statement, Exists) else self.statement.table

    @property
    def index(self) -> str | None:
        return self.statement.index if isinstance(self.statement, Select) else None

    @property
    def is_read(self) -> bool:
        return isinstance(self.statement, Select)

    @property
    def told_on_failure(self) -> bool:
        return self.request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"


@api.waits
async def execute_statement(
    call: Call, node: Node, request: shapes.ExecuteStatementInput
) -> shapes.ExecuteStatementOutput:
    bound = _bound(request)
    if isinstance(bound.statement, Exists):
        raise ValidationException(_EXISTS)
    with measuring.operation(node, call, "ExecuteStatement", bound.table):
        await _admit(call, node, bound)
        if isinstance(bound.statement, Select):
            done = await node.store.read(selecting.select, call, bound.statement, bound.parameters, request)
            found = measuring.returned_items(done.table.arn, "ExecuteStatement", len(done.items), node.clock.now())
            node.telemetry.note(found)
        else:
            done = await node.store.write(_write, call, bound)
        await throttling.spend(node, done.table, done.meter)
    return _answer(  # type: ignore[return-value] # put together member by member
        Items=done.items, NextToken=done.next_token, ConsumedCapacity=done.meter.told()
    )


@api.waits
async def batch_execute_statement(
    call: Call, node: Node, request: shapes.BatchExecuteStatementInput
) -> shapes.BatchExecuteStatementOutput:
    """Each for itself: what is wrong with one is said in its place, and the others are carried out."""
    meters = Meters(request.get("ReturnConsumedCapacity", "NONE"))
    several = [_bound_or_refused(each) for each in request["Statements"]]
    good = [each for each in several if isinstance(each, Bound)]
    reads = [each.is_read for each in good]
    if any(reads) and not all(reads):
        raise ValidationException("Read and write requests together in the same batch is not supported.")
    with measuring.operation(node, call, "BatchExecuteStatement", good[0].table if good else ""):
        several = [await _admitted(call, node, each) for each in several]
        if any(reads):
            responses = await node.store.read(_read_batch, call, several, meters)
        else:
            responses = await node.store.write(_write_batch, call, several, meters)
        for found, meter in meters.all():
            await throttling.spend(node, found, meter)
    return _answer(Responses=responses, ConsumedCapacity=meters.told())  # type: ignore[return-value] # as above


@api.waits
async def execute_transaction(
    call: Call, node: Node, request: shapes.ExecuteTransactionInput
) -> shapes.ExecuteTransactionOutput:
    meters = Meters(request.get("ReturnConsumedCapacity", "NONE"), transactional=True)
    several = [_bound_at(place, each) for place, each in enumerate(request["TransactStatements"])]
    reads = [each.is_read for each in several]
    if any(reads) and not all(reads):
        raise ValidationException(
            "ExecuteTransaction API does not support both read and write operations in the same request."
        )
    asked = blake2b(orjson.dumps(request["TransactStatements"], option=orjson.OPT_SORT_KEYS), digest_size=32).digest()
    with measuring.operation(node, call, "ExecuteTransaction", several[0].table):
        if node.config.throttle_tables:
            tables = [await known(call, node, each.table) for each in several]
            await transactions.admit(node, tables, reads=any(reads))
        if any(reads):
            responses = await node.store.read(_read_all, call, several, meters)
        else:
            token = request.get("ClientRequestToken")
            responses = await node.store.write(_write_all, call, several, meters, token, asked)
        for found, meter in meters.all():
            await throttling.spend(node, found, meter)
    return _answer(Responses=responses, ConsumedCapacity=meters.told())  # type: ignore[return-value] # as above


async def _admit(call: Call, node: Node, bound: Bound) -> None:
    """Raises ProvisionedThroughputExceededException, or ThrottlingException, where nothing is left."""
    if node.config.throttle_tables:
        found = await known(call, node, bound.table)
        there = found.index(bound.index) if bound.index is not None else None
        of = there.name if there is not None and there.is_global else ""
        await throttling.admit(node, found, reads=bound.is_read, index=of)


async def _admitted(call: Call, node: Node, bound: Bound | AwsError) -> Bound | AwsError:
    """The same for a statement of a batch: what is said to it is said in its place."""
    try:
        if isinstance(bound, Bound):
            await _admit(call, node, bound)
    except AwsError as error:
        return error
    return bound


def _bound(request: Mapping[str, Any], said_of_it: Callable[[], AbstractContextManager[None]] = nullcontext) -> Bound:
    """Raises ValidationException for what is wrong with a statement, whatever its table."""
    with said_of_it():
        parsed = parser.parsed(request["Statement"])
    parameters = binding.parameters(parsed, request.get("Parameters", ()))
    if not isinstance(parsed.statement, Select):
        with said_of_it():
            writing.check(parsed.statement, parameters)
    return Bound(parsed.statement, parameters, request)


def _answer(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


# --- one statement ----------------------------------------------------------------------------------------------------


def _write(tx: Tx, call: Call, bound: Bound) -> Selected:
    found = table.find(tx, table.arn_of(call, bound.table))
    meter = Meter(found, bound.request.get("ReturnConsumedCapacity", "NONE"))
    return Selected(found, _written(tx, call, bound, found, meter), None, meter)


def _written(tx: Tx, call: Call, bound: Bound, found: Table, meter: Meter) -> list[Item]:
    write = writing.write_of(found, bound.statement, bound.parameters, told_on_failure=bound.told_on_failure)
    return writing.carry_out(tx, bound.statement, write, found, Cause(call.effects), meter)


def _key_of(found: Table, bound: Bound, called: str) -> bytes:
    """The key of the one item that a SELECT names, and nothing else. Raises ValidationException."""
    assert isinstance(bound.statement, Select)
    key, rest = plans.equalities(found.keys.attributes, bound.statement.where, bound.parameters)
    if bound.statement.index is not None or rest or len(key) < len(found.keys.attributes):
        raise ValidationException(_BY_KEY.format(called))
    return item_rules.key_of_key(found, key)


def _read(tx: Tx, bound: Bound, found: Table, key: bytes, meter: Meter) -> Item | None:
    assert isinstance(bound.statement, Select)
    stored = items.stored(tx, found.space, key)
    meter.read(0 if stored is None else stored.size, consistent=bool(bound.request.get("ConsistentRead")))
    if stored is None:
        return None
    paths = bound.statement.paths
    return answered(stored.raw) if paths is None else binding.projection_of(paths).of(stored.item)


# --- batches ----------------------------------------------------------------------------------------------------------


def _bound_or_refused(request: Mapping[str, Any]) -> Bound | AwsError:
    try:
        found = _bound(request)
        if isinstance(found.statement, Exists):
            raise ValidationException(_EXISTS)
    except SerializationException:
        raise  # nobody could read the request
    except AwsError as error:
        return error
    return found


def _read_batch(tx: Tx, call: Call, several: Sequence[Bound | AwsError], meters: Meters) -> list[dict[str, Any]]:
    wanted: list[tuple[Bound, Table, bytes] | AwsError] = []
    for each in several:
        try:
            if isinstance(each, AwsError):
                raise each
            found = table.find(tx, table.arn_of(call, each.table))
            wanted.append((each, found, _key_of(found, each, "BatchExecuteStatement")))
        except AwsError as error:
            wanted.append(error)
    _check_distinct([(found.space, key) for _, found, key in _good(wanted)])
    responses: list[dict[str, Any]] = []
    for one in wanted:
        if isinstance(one, AwsError):
            responses.append(_refused(one))
        else:
            bound, found, key = one
            responses.append(_answer(TableName=bound.table, Item=_read(tx, bound, found, key, meters.of(found))))
    return responses


def _write_batch(tx: Tx, call: Call, several: Sequence[Bound | AwsError], meters: Meters) -> list[dict[str, Any]]:
    meters.begin()
    wanted: list[tuple[Bound, Table, bytes] | AwsError] = []
    for each in several:
        try:
            if isinstance(each, AwsError):
                raise each
            found = table.find(tx, table.arn_of(call, each.table))
            write = writing.write_of(found, each.statement, each.parameters)
            wanted.append((each, found, writes.key_of(found, write)))
        except AwsError as error:
            wanted.append(error)
    good = sorted(_good(wanted), key=lambda each: changes.place(*each[1:]))
    _check_distinct([(found.space, key) for _, found, key in good])
    for _, found, key in good:
        changes.lock(tx, found, key)  # all of them, before the first shard of a stream is held
    answers = {changes.place(*each[1:]): _written_or_refused(tx, call, each, meters) for each in good}
    return [_refused(each) if isinstance(each, AwsError) else answers[changes.place(*each[1:])] for each in wanted]


def _written_or_refused(tx: Tx, call: Call, each: tuple[Bound, Table, bytes], meters: Meters) -> dict[str, Any]:
    bound, found, _ = each
    try:
        with tx.savepoint():
            shown = _written(tx, call, bound, found, meters.of(found))
    except AwsError as error:
        return _refused(error) | ({"TableName": bound.table} if isinstance(error, _RAN) else {})
    return _answer(TableName=bound.table, Item=shown[0] if shown else None)


def _good(wanted: Sequence[tuple[Bound, Table, bytes] | AwsError]) -> list[tuple[Bound, Table, bytes]]:
    return [each for each in wanted if not isinstance(each, AwsError)]


def _check_distinct(places: Sequence[tuple[int, bytes]]) -> None:
    if len(set(places)) != len(places):
        raise ValidationException(_TWICE)


def _refused(error: AwsError) -> dict[str, Any]:
    """As a batch says it: without the end of the error's name."""
    code = error.shape_name.removesuffix("Exception")
    told = {"Code": "ValidationError" if code == "Validation" else code, "Message": error.message}
    return {"Error": told | ({"Item": error.members["Item"]} if "Item" in error.members else {})}


# --- transactions -----------------------------------------------------------------------------------------------------


def _read_all(tx: Tx, call: Call, several: Sequence[Bound], meters: Meters) -> list[dict[str, Any]]:
    tables = [table.find(tx, table.arn_of(call, each.table)) for each in several]
    keys: list[bytes] = []
    for place, (found, each) in enumerate(zip(tables, several, strict=True)):
        with _said_of(place):
            assert isinstance(each.statement, Select)
            if each.statement.index is not None:
                raise ValidationException("Reads on indices are not supported within transactions.")
            keys.append(_key_of(found, each, "ExecuteTransaction"))
    transactions.refuse_twice([(found.space, key) for found, key in zip(tables, keys, strict=True)])
    return [
        _answer(Item=_read(tx, each, found, key, meters.of(found)))
        for found, each, key in zip(tables, several, keys, strict=True)
    ]


def _write_all(
    tx: Tx, call: Call, several: Sequence[Bound], meters: Meters, token: str | None, asked: bytes
) -> list[dict[str, Any]]:
    meters.begin()
    wanted = [_write_of(tx, call, place, each) for place, each in enumerate(several)]
    if token is not None and transactions.was_done(tx, call, token, asked):
        for write in wanted:
            found = table.find(tx, write.table.arn)
            meters.of(found).read(items.size(tx, found.space, writes.key_of(found, write)) or 0)
        return []
    try:
        transactions.carry_out(tx, wanted, Cause(call.effects), meters)
    except TransactionCanceledException as error:
        raise _with_duplicates(error, several) from None
    return []


def _bound_at(place: int, request: Mapping[str, Any]) -> Bound:
    return _bound(request, lambda: _said_of(place))


@contextmanager
def _said_of(place: int) -> Iterator[None]:
    """What is wrong is said of the statement at that place."""
    try:
        yield
    except ValidationException as error:
        raise ValidationException(f"Validation failed in TransactStatements[{place}]: {error.message}") from None


def _write_of(tx: Tx, call: Call, place: int, bound: Bound) -> writes.Write:
    found = table.find(tx, table.arn_of(call, bound.table))
    with _said_of(place):
        if getattr(bound.statement, "returning", None) is not None:
            raise ValidationException("RETURNING clause is not supported in ExecuteTransaction.")
        return writing.write_of(found, bound.statement, bound.parameters, told_on_failure=bound.told_on_failure)


def _with_duplicates(error: TransactionCanceledException, several: Sequence[Bound]) -> AwsError:
    """The condition of an INSERT has failed: what it would put is there."""
    reasons = [dict(each) for each in error.members["CancellationReasons"]]
    for reason, bound in zip(reasons, several, strict=True):
        if isinstance(bound.statement, Insert) and reason["Code"] == "ConditionalCheckFailed":
            reason.update(Code="DuplicateItem", Message=DuplicateItemException().message)
    try:
        transactions.refuse(reasons)
    except TransactionCanceledException as refused:
        return refused
    return error
