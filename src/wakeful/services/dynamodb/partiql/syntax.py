"""What a PartiQL statement says, as values. Parameters are still marks; nothing knows any table yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from wakeful.services.dynamodb.values import Value

# --- what stands for a value ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Path:
    """Into an item: the attribute's name, then members of maps and places in lists."""

    steps: tuple[str | int, ...]
    at: str = field(default="", compare=False)
    """Where the name stands in the statement."""

    @property
    def name(self) -> str | None:
        """Of the attribute, where it is a whole attribute."""
        return str(self.steps[0]) if len(self.steps) == 1 else None


@dataclass(frozen=True, slots=True)
class Literal_:
    """A value that stands in the statement."""

    value: Value


@dataclass(frozen=True, slots=True)
class Parameter:
    """A question mark: the parameter of that place."""

    place: int


@dataclass(frozen=True, slots=True)
class Collection:
    """A list, a bag or a tuple of which a part is a parameter. Keys are of tuples only."""

    kind: Literal["list", "bag", "tuple"]
    members: tuple[Term, ...]
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """A function of this name, in lower case."""

    name: str
    arguments: tuple[Term, ...]
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The sum or the difference of two."""

    sign: Literal["+", "-"]
    left: Term
    right: Term


Term: TypeAlias = "Path | Literal_ | Parameter | Collection | Function | Arithmetic"


# --- conditions -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    sign: Literal["=", "<>", "<", "<=", ">", ">="]
    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Between:
    term: Term
    low: Term
    high: Term


@dataclass(frozen=True, slots=True)
class In:
    term: Term
    members: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Is:
    """It is MISSING, or it is NULL."""

    term: Term
    what: Literal["MISSING", "NULL"]


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class And:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    conditions: tuple[Condition, ...]


Condition: TypeAlias = "Comparison | Between | In | Is | Not | And | Or | Function"


# --- statements -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Order:
    """ORDER BY: an attribute of the key."""

    name: str
    is_descending: bool


@dataclass(frozen=True, slots=True)
class Select:
    """`paths` is None for a star."""

    table: str
    index: str | None
    paths: tuple[Path, ...] | None
    where: Condition | None
    order: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Insert:
    table: str
    item: Collection | Literal_


@dataclass(frozen=True, slots=True)
class Assignment:
    path: Path
    term: Term


Returning: TypeAlias = Literal["ALL OLD", "ALL NEW", "MODIFIED OLD", "MODIFIED NEW"]


@dataclass(frozen=True, slots=True)
class Update:
    table: str
    index: str | None
    assignments: tuple[Assignment, ...]
    removals: tuple[Path, ...]
    where: Condition | None
    returning: Returning | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    table: str
    index: str | None
    where: Condition | None
    returning: Returning | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """EXISTS of a SELECT: a condition of a transaction."""

    select: Select


Statement: TypeAlias = "Select | Insert | Update | Delete | Exists"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A statement, and how many parameters it has."""

    statement: Statement
    parameters: int
