"""What the rest of the service has of expressions: values that say what they do with an item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from wakeful import limits
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.sizes import value_size
from wakeful.services.dynamodb.values import Item, Value

if TYPE_CHECKING:
    from wakeful.services.dynamodb.expressions.compiling import Needs

Path: TypeAlias = tuple[str | int, ...]
"""Into an item: the attribute's name, then members of maps and places in lists."""


class Substitutes:
    """ExpressionAttributeNames and -Values of one request, and which of them its expressions have used.

    Every expression of a request is bound with the same one; `check_used` is asked last.
    """

    __slots__ = ("_bytes", "_used", "names", "names_as_key", "values")

    def __init__(self, names: Mapping[str, str], values: Mapping[str, Value], values_bytes: int = 0) -> None:
        """`values_bytes` is how large all values are together, where they may be large."""
        self.names = names
        self.names_as_key = tuple(sorted(names.items()))
        self.values = values
        self._used: set[str] = set()
        self._bytes = values_bytes

    def meet(self, needs: Needs) -> None:
        """Raises ValidationException where an expression needs others."""
        for check in needs.checks:
            check(self.values)
        bytes_max = limits.DYNAMODB_EXPRESSION_WITH_VALUES_BYTES_MAX
        if (
            needs.bytes + len(needs.values) * self._bytes > bytes_max
            and needs.bytes + sum(value_size(self.values[name]) for name in needs.values) > bytes_max
        ):
            raise ValidationException(f"Invalid {needs.called}: Expression size has exceeded the maximum allowed size;")
        self._used |= needs.names

    def check_used(self) -> None:
        """Raises ValidationException where one was given that nothing uses."""
        for what, given in (("Names", self.names), ("Values", self.values)):
            if not self._used.issuperset(given):
                unused = ", ".join(each for each in given if each not in self._used)
                raise ValidationException(
                    f"Value provided in ExpressionAttribute{what} unused in expressions: keys: {{{unused}}}"
                )


class Condition(Protocol):
    """A ConditionExpression or FilterExpression, or the legacy parameters that say the same."""

    def holds(self, item: Item | None) -> bool:
        """Whether it is true of the item; None is one that is not there."""

    def attributes(self) -> frozenset[str]:
        """The top-level attributes it looks at."""


class Projection(Protocol):
    """A ProjectionExpression, or AttributesToGet."""

    def of(self, item: Item) -> Item:
        """What it names of the item."""

    def attributes(self) -> frozenset[str]:
        """The top-level attributes it names."""


class Update(Protocol):
    """An UpdateExpression, or AttributeUpdates."""

    def apply(self, item: Item) -> Item:
        """The item after it; the argument is not changed. Raises ValidationException as AWS does."""

    def of_nothing(self, key: Item) -> Item | None:
        """What comes of it where there is no item with that key; None where it only takes away: that makes none."""

    @property
    def read(self) -> tuple[Path, ...]:
        """What it looks at."""

    def paths(self) -> tuple[Path, ...]:
        """What it changes, for ReturnValues UPDATED_OLD and UPDATED_NEW (`documents.picked`)."""

    def copied(self) -> frozenset[str]:
        """The attributes that it sets to what others hold, or to what is made of that."""


@dataclass(frozen=True, slots=True)
class KeyCondition:
    """A KeyConditionExpression, or KeyConditions: one partition, and from where to where in it.

    The bytes are as `keys.py` has them: what lies from `low` on and before `high`. `values` are the partition's,
    `attributes` all that it names.
    """

    low: bytes
    high: bytes
    values: tuple[Value, ...]
    attributes: frozenset[str]
