"""Every operation of Lambda that is here is called by a test, once with success and once with an error."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore import xform_name

from wakeful.services.lambda_.api import api

FOLDERS = ("services/lambda_", "durable", "journeys")
TESTS = Path(__file__).parents[2]
ASKS_NOTHING = frozenset({"get_account_settings"})
"""Operations whose request has no members that could be wrong."""

REFUSERS = frozenset({"refusal", "status_of", "raises"})


def trees() -> Iterator[ast.AST]:
    for folder in FOLDERS:
        for path in sorted((TESTS / folder).rglob("test_*.py")):
            yield from (each for each in ast.parse(path.read_text()).body if isinstance(each, ast.FunctionDef))


def is_refuser(node: ast.AST) -> bool:
    """A call of what asserts that another call ends in an error."""
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    return getattr(function, "id", getattr(function, "attr", "")) in REFUSERS


def names_of(tree: ast.AST) -> set[str]:
    """The methods of clients that are named."""
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def called(tree: ast.AST) -> set[str]:
    """The methods that are called, other than where an error is awaited."""
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.With) and any(is_refuser(item.context_expr) for item in node.items):
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found.add(node.func.attr)
        found |= called(node)
    return found


def refused(function: ast.AST) -> set[str]:
    """The methods that are handed, as they are, to what awaits an error; or that are called where one is awaited."""
    found: set[str] = set()
    if any(is_refuser(node) for node in ast.walk(function)):
        functions = {id(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
        handed = [node for node in ast.walk(function) if isinstance(node, ast.Attribute) and id(node) not in functions]
        found |= {node.attr for node in handed}
    for node in ast.walk(function):
        if isinstance(node, ast.With) and any(is_refuser(item.context_expr) for item in node.items):
            found |= names_of(node)
    return found


@pytest.fixture(scope="module")
def methods() -> dict[str, str]:
    """The operations that are here, by the client's method for each."""
    return {xform_name(name): name for name in api}


def test_every_operation_is_called_with_success(methods: dict[str, str]) -> None:
    found = set().union(*(called(tree) for tree in trees()))
    assert sorted(methods[each] for each in methods.keys() - found) == []


def test_every_operation_is_called_with_an_error(methods: dict[str, str]) -> None:
    found = set().union(*(refused(tree) for tree in trees()))
    assert sorted(methods[each] for each in methods.keys() - found - ASKS_NOTHING) == []
