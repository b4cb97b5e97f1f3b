"""SELECT: a page of what it names, from the partitions that it names or from everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import chain
from typing import Any

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.dynamodb import pages, reading, table
from wakeful.services.dynamodb.capacity import Meter
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions.key_conditions import check_scalars
from wakeful.services.dynamodb.items import Stored
from wakeful.services.dynamodb.pages import Page, Range
from wakeful.services.dynamodb.partiql import binding, columns, plans, tokens
from wakeful.services.dynamodb.partiql.binding import Parameters
from wakeful.services.dynamodb.partiql.plans import Plan
from wakeful.services.dynamodb.partiql.syntax import Select
from wakeful.services.dynamodb.reading import Reading
from wakeful.services.dynamodb.table import Index, Table
from wakeful.services.dynamodb.values import Item
from wakeful.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Selected:
    table: Table
    items: list[Item]
    next_token: str | None
    meter: Meter


def select(tx: Tx, call: Call, select: Select, parameters: Parameters, request: Mapping[str, Any]) -> Selected:
    """The next page. Raises ValidationException and ResourceNotFoundException."""
    binding.filter_of(select.where, parameters)  # what is wrong with it is said before anybody looks for the table
    projection = binding.projection_of(select.paths) if select.paths is not None else None
    found = table.find(tx, table.arn_of(call, select.table))
    index = _index(found, select, request)
    schema = index.keys if index is not None else found.keys
    plan = plans.planned(schema, select.where, select.order, parameters)
    fetches = reading.check_shown(index, columns.names(select.paths or ()))
    condition = binding.filter_of(plan.filter, parameters)
    if condition is not None:
        check_scalars(condition.paths(), schema, found)
    if plan.is_keyed and condition is not None:
        reading.check_filtered(index, sorted(condition.attributes()))
    wanted = Reading(
        found, index, condition, projection, fetches=fetches, consistent=bool(request.get("ConsistentRead"))
    )
    of = tokens.fingerprint(found.id, request["Statement"], parameters.values)
    begun = tokens.read(request["NextToken"], of, tx.now) if "NextToken" in request else {}
    page, read = _page(tx, wanted.space, plan, begun, request.get("Limit"))
    meter = Meter(found, request.get("ReturnConsumedCapacity", "NONE"))
    shown = reading.show(tx, wanted, page, meter)
    return Selected(found, shown.items or [], tokens.token(of, tx.now, read) if page.is_cut else None, meter)


def _index(found: Table, select: Select, request: Mapping[str, Any]) -> Index | None:
    if select.index is None:
        return None
    index = reading.index_of(found, select.index)
    if index is None:
        raise ValidationException("The table does not have the specified index")
    if index.is_global and request.get("ConsistentRead"):
        raise ValidationException("Strongly consistent read is not supported on Global Secondary Indexes")
    return index


def _page(
    tx: Tx, space: int, plan: Plan, begun: Mapping[int, bytes], limit: int | None
) -> tuple[Page, dict[int, bytes]]:
    """Rows until there are as many, or as many bytes, as a page has; and the last keys of every range then."""
    if len(plan.ranges) == 1:
        within = _left(plan, 0, begun)
        page = pages.read(tx, space, within, limit=limit, backwards=plan.backwards)
        return page, {0: page.rows[-1].key} if page.rows else {}
    read = dict(begun)
    found: list[Stored] = []
    size = 0
    coming = _coming(tx, space, plan, begun, limit)
    for place, row in coming:
        found.append(row)
        read[place] = row.key
        size += row.size
        if len(found) == limit:
            return Page(found, size, is_cut=True), read
        if size >= limits.DYNAMODB_PAGE_BYTES:
            return Page(found, size, is_cut=next(coming, None) is not None), read
    return Page(found, size, is_cut=False), read


def _coming(
    tx: Tx, space: int, plan: Plan, begun: Mapping[int, bytes], limit: int | None
) -> Iterator[tuple[int, Stored]]:
    """All rows, each with the place of its range."""
    last = max(begun, default=-1)
    ranges = [
        _in_range(tx, space, plan, place, begun, limit)
        for place in range(len(plan.ranges))
        if plan.is_merged or place >= last  # one after the other: those before the last that was begun are over
    ]
    if not plan.is_merged:
        return chain.from_iterable(ranges)
    return merge(*ranges, key=lambda found: found[1].key[plan.prefixes[found[0]] :], reverse=plan.backwards)


def _in_range(
    tx: Tx, space: int, plan: Plan, place: int, begun: Mapping[int, bytes], limit: int | None
) -> Iterator[tuple[int, Stored]]:
    for chunk in pages.chunks(tx, space, _left(plan, place, begun), backwards=plan.backwards, most=limit):
        for row in chunk:
            yield place, row


def _left(plan: Plan, place: int, begun: Mapping[int, bytes]) -> Range:
    """What of a range has not been read yet."""
    within, last = plan.ranges[place], begun.get(place)
    return within if last is None else within.behind(last, backwards=plan.backwards)
