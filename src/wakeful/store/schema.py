"""Tables come into being here: each owner's schema is applied when the store opens, and it may be applied again.

A schema may gain tables, indexes and columns; a store of an earlier version gains them when it is opened. A new column
needs a default or may be NULL, because there are rows that never heard of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from wakeful.store.tx import Tx

FORMAT = 1
"""Raised when old data can no longer be read as it stands; a store of a later format is refused."""

OWN = """
CREATE TABLE IF NOT EXISTS store_settings(
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID
"""

_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (?P<name>\w+)\s*\((?P<columns>.*)\)[^)]*", re.DOTALL)
_COMMA = re.compile(r",(?![^()]*\))")  # between columns, not within the parentheses of one
_CONSTRAINTS = frozenset(("PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT"))


class NewerFormat(Exception):
    """This data was written by a later version of Wakeful."""


def apply(tx: Tx, schemas: Mapping[str, str]) -> None:
    """Every owner's tables exist. A table's name begins with its owner; anything else is a mistake of ours."""
    tx.lock("store", "schema")
    for statement in _statements(OWN):
        tx.run(statement)
    written = get_setting(tx, "format")
    if written is not None and int(written) > FORMAT:
        raise NewerFormat(f"the store has format {written}, this version reads up to {FORMAT}")
    put_setting(tx, "format", str(FORMAT))
    for owner, schema in schemas.items():
        for statement in _statements(schema):
            assert f" {owner}_" in statement or f"({owner}_" in statement, f"{owner} may not own: {statement}"
            tx.run(statement)
            if made := _TABLE.match(statement):
                _add_columns(tx, made["name"], made["columns"])


def _add_columns(tx: Tx, table: str, definitions: str) -> None:
    """The table has every column of its schema, also where it was made by an earlier version."""
    there = tx.columns(table)
    for definition in map(str.strip, _COMMA.split(definitions)):
        name = re.split(r"\W", definition, maxsplit=1)[0]
        if name not in _CONSTRAINTS and name not in there:
            tx.run(f"ALTER TABLE {table} ADD COLUMN {definition}")


def get_setting(tx: Tx, name: str) -> str | None:
    row = tx.one("SELECT value FROM store_settings WHERE name = ?", name)
    return None if row is None else str(row["value"])


def put_setting(tx: Tx, name: str, value: str) -> None:
    tx.lock("store", "settings", name)
    tx.run(
        "INSERT INTO store_settings(name, value) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
        name,
        value,
    )


def _statements(schema: str) -> Iterable[str]:
    without_comments = "\n".join(line.partition("--")[0] for line in schema.splitlines())
    return (statement.strip() for statement in without_comments.split(";") if statement.strip())
