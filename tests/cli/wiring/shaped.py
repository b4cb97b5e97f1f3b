"""Events of a shape: whether one is, and any that are."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from wakeful.cli.wiring.events import Anything, Array, Number, Object, Shape, Text

WORDS = st.sampled_from(("a", "b", "aws.s3", "aws.ec2", "mine", "Object Created", "10.0.0.1", "")) | st.text(max_size=3)
NAMES = st.sampled_from(("a", "b", "a.b", "key", "detail", "source"))
LEAVES = WORDS | st.booleans() | st.none() | st.integers(-9, 9) | st.sampled_from((0.5, 1.000001))
JSON = st.recursive(LEAVES, lambda deeper: st.lists(deeper, max_size=2) | st.dictionaries(NAMES, deeper, max_size=2))


def has_shape(value: Any, shape: Shape) -> bool:
    """Whether the value is one of those that the shape stands for."""
    match shape:
        case Anything():
            return True
        case Number():
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Text(only, but, never_begins):
            is_allowed = only is None or value in only
            return isinstance(value, str) and is_allowed and value not in but and not _begins(value, never_begins)
        case Array(of):
            return isinstance(value, list) and all(has_shape(each, of) for each in value)
        case Object(members, optional, others, is_plain):
            if not isinstance(value, dict) or not set(members) - optional <= set(value):
                return False
            if is_plain and any("." in name for name in value):
                return False
            shapes = {name: members.get(name, others) for name in value}
            return all(each is not None and has_shape(value[name], each) for name, each in shapes.items())


def _begins(text: str, prefix: str) -> bool:
    return bool(prefix) and text.startswith(prefix)


def of_shape(shape: Shape) -> st.SearchStrategy[Any]:
    """Any value that the shape stands for."""
    match shape:
        case Anything():
            return JSON
        case Number():
            return st.integers(-9, 9) | st.sampled_from((0.5, 1.000001))
        case Text(only, _, _):
            return (WORDS if only is None else st.sampled_from(sorted(only))).filter(
                lambda text: has_shape(text, shape)
            )
        case Array(of):
            return st.lists(of_shape(of), max_size=2)
        case Object(members, optional, others, is_plain):
            known = st.fixed_dictionaries(
                {name: of_shape(each) for name, each in members.items() if name not in optional},
                optional={name: of_shape(members[name]) for name in optional},
            )
            if others is None:
                return known
            names = NAMES.filter(lambda name: name not in members and not (is_plain and "." in name))
            more = st.dictionaries(names, of_shape(others), max_size=2)
            return st.builds(lambda some, rest: {**rest, **some}, known, more)
