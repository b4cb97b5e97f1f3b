"""What an expression says, before anybody knows what its placeholders stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Attribute:
    """A document path: names, placeholders of names (`#…`) and places in lists."""

    parts: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Of a value (`:…`)."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its operands; by itself it may be a condition."""

    function: str
    operands: tuple[Operand, ...]


Operand: TypeAlias = Attribute | Placeholder | Call


@dataclass(frozen=True, slots=True)
class Comparison:
    """`=`, `<>`, `<`, `<=`, `>`, `>=`, BETWEEN with three operands, IN with two or more."""

    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Both:
    """AND, OR."""

    operator: str
    left: Condition
    right: Condition


@dataclass(frozen=True, slots=True)
class Not:
    inner: Condition


Condition: TypeAlias = Comparison | Call | Both | Not


@dataclass(frozen=True, slots=True)
class Sum:
    """`+` or `-`, in SET."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Action:
    """One change of a section of an update: what REMOVE takes has no value."""

    section: str
    target: Attribute
    value: Operand | Sum | None


@dataclass(frozen=True, slots=True)
class Section:
    """SET, REMOVE, ADD or DELETE, and its actions."""

    name: str
    actions: tuple[Action, ...]
