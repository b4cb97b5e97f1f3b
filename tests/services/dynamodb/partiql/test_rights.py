"""What a statement needs is what it will do, wherever its text names other tables."""

from __future__ import annotations

from typing import Any

import pytest

from wakeful.services.dynamodb.keys import Attribute, KeySchema
from wakeful.services.dynamodb.partiql import rights
from wakeful.services.dynamodb.table import Index, Table

KEYS = KeySchema((Attribute("p", "S"),), (Attribute("s", "N"),))
BY_OWNER = Index(2, "owners", True, KeySchema((Attribute("owner", "S"),)), None, "ACTIVE")
TABLE = Table("arn", "id", "account", "region", "t", 0.0, "ACTIVE", 1, {}, {}, KEYS, (BY_OWNER,))


def asked(statement: str, *parameters: Any) -> rights.Asked:
    found = rights.asked({"Statement": statement, "Parameters": list(parameters)})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("statement", "action", "table", "index"),
    [
        ("SELECT * FROM t", "PartiQLSelect", "t", None),
        ('SELECT * FROM "t"."owners"', "PartiQLSelect", "t", "owners"),
        (
            'SELECT /* from "open" */ * -- from open\nFROM secret WHERE x = \'from "open"\'',
            "PartiQLSelect",
            "secret",
            None,
        ),
        ("EXISTS(SELECT * FROM t WHERE p = 'a' AND s = 1 AND x = 1)", "PartiQLSelect", "t", None),
        ("INSERT INTO t VALUE {'p': 'update open'}", "PartiQLInsert", "t", None),
        ("UPDATE t SET x = 'from open' WHERE p = 'a' AND s = 1", "PartiQLUpdate", "t", None),
        ("DELETE FROM t WHERE p = 'a' AND s = 1", "PartiQLDelete", "t", None),
    ],
)
def test_a_statement_needs_its_own_action_on_its_own_table(
    statement: str, action: str, table: str, index: str | None
) -> None:
    found = asked(statement)
    assert (found.action, found.table, found.index) == (action, table, index)


def test_what_is_no_statement_asks_for_nothing() -> None:
    assert rights.asked({"Statement": "SLECT * FROM t"}) is None
    assert rights.asked({"Statement": "SELECT * FROM t WHERE p = ?"}) is None


@pytest.mark.parametrize(
    ("statement", "leading", "is_scan"),
    [
        ("SELECT * FROM t WHERE p = 'a' AND x = 1", ["a"], "false"),
        ("SELECT * FROM t WHERE p IN ['a', 'b']", ["a", "b"], "false"),
        ("SELECT * FROM t WHERE (p = 'a' AND s = 1) OR p = 'b'", ["a", "b"], "false"),
        ("SELECT * FROM t WHERE p = 'a' OR s = 1", None, "true"),
        ("SELECT * FROM t WHERE NOT p = 'a'", None, "true"),
        ("SELECT * FROM t.owners WHERE owner = 'o' AND p = 'a'", ["o"], "false"),
        ("SELECT * FROM t.owners WHERE p = 'a'", None, "true"),
        ("SELECT * FROM t", None, "true"),
    ],
)
def test_conditions_see_every_partition_and_every_scan(statement: str, leading: list[str] | None, is_scan: str) -> None:
    context = asked(statement).context(TABLE)
    assert context.get("dynamodb:LeadingKeys") == leading
    assert context["dynamodb:FullTableScan"] == is_scan


def test_conditions_see_the_attributes_and_what_is_returned() -> None:
    selected = asked("SELECT m.a, b FROM t WHERE p = 'a' AND (size(c) > 1 OR d BETWEEN 1 AND e) AND NOT f IS MISSING")
    assert selected.context(TABLE)["dynamodb:Attributes"] == ["b", "c", "d", "e", "f", "m", "p"]
    assert selected.context(TABLE)["dynamodb:Select"] == "SPECIFIC_ATTRIBUTES"
    updated = asked("UPDATE t SET x = y + 1 REMOVE z WHERE p = 'a' AND s = 1 RETURNING ALL OLD *").context(TABLE)
    assert updated["dynamodb:Attributes"] == ["p", "s", "x", "y", "z"]
    assert (updated["dynamodb:ReturnValues"], updated["dynamodb:LeadingKeys"]) == ("ALL_OLD", ["a"])
    inserted = asked("INSERT INTO t VALUE {'p': ?, 's': 1}", {"S": "a"}).context(TABLE)
    assert (inserted["dynamodb:Attributes"], inserted["dynamodb:LeadingKeys"]) == (["p", "s"], ["a"])
