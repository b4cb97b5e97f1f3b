"""DynamoDB's PartiQL, from text to values, and what it says to everything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.partiql.parser import parsed
from wakeful.services.dynamodb.partiql.syntax import (
    And,
    Arithmetic,
    Assignment,
    Between,
    Collection,
    Comparison,
    Delete,
    Function,
    In,
    Insert,
    Is,
    Literal_,
    Not,
    Or,
    Order,
    Parameter,
    Path,
    Select,
    Update,
)

P, S, X = Path(("p",)), Path(("s",)), Path(("x",))


def number(text: str) -> Literal_:
    return Literal_({"N": text})


def text(held: str) -> Literal_:
    return Literal_({"S": held})


def test_a_select_says_what_of_which_items_in_which_order() -> None:
    statement = """select m.a[0], "date" -- what
        FROM "the table"."an index" WHERE p = 'it''s' AND (s BETWEEN 1 AND -2e1 OR NOT x IS NOT MISSING)
        ORDER BY p, s DESC;"""
    assert parsed(statement).statement == Select(
        "the table",
        "an index",
        (Path(("m", "a", 0)), Path(("date",))),
        And((
            Comparison("=", P, text("it's")),
            Or((Between(S, number("1"), number("-20")), Not(Not(Is(X, "MISSING"))))),
        )),
        (Order("p", is_descending=False), Order("s", is_descending=True)),
    )  # fmt: skip


def test_a_select_knows_functions_lists_and_both_ways_to_be_unequal() -> None:
    where = "begins_with(x, 'a') AND SIZE(x) > ? AND x IN ['a', ?] AND s NOT IN (1) AND x != 'b' AND x <> m['k'].l[2]"
    found = parsed(f"SELECT * FROM t WHERE {where}")
    assert found.parameters == 2
    assert isinstance(found.statement, Select)
    assert found.statement.paths is None
    assert found.statement.where == And((
        Function("begins_with", (X, text("a"))),
        Comparison(">", Function("size", (X,)), Parameter(0)),
        In(X, (text("a"), Parameter(1))),
        Not(In(S, (number("1"),))),
        Comparison("<>", X, text("b")),
        Comparison("<>", X, Path(("m", "k", "l", 2))),
    ))  # fmt: skip


def test_values_are_those_of_items() -> None:
    written = (
        "{'s': '', 'n': -1.50, 'b': TRUE, 'z': null, 'l': [1, ['x']], 'c': <<'b', 'a'>>, 'd': <<2, 1>>,"
        " 'm': {'k': (1, 2)}}"
    )
    assert parsed(f"INSERT INTO t VALUE {written}").statement == Insert(
        "t",
        Literal_({
            "M": {
                "s": {"S": ""},
                "n": {"N": "-1.5"},
                "b": {"BOOL": True},
                "z": {"NULL": True},
                "l": {"L": [{"N": "1"}, {"L": [{"S": "x"}]}]},
                "c": {"SS": ["a", "b"]},
                "d": {"NS": ["1", "2"]},
                "m": {"M": {"k": {"L": [{"N": "1"}, {"N": "2"}]}}},
            }
        }),
    )  # fmt: skip
    assert parsed("INSERT INTO t VALUE {'p': ?}").statement == Insert("t", Collection("tuple", (Parameter(0),), ("p",)))


def test_updates_and_deletes_say_what_they_change_and_show() -> None:
    assert parsed(
        "UPDATE t SET x = x + 1, m.a = 'b' REMOVE l[0] WHERE p = ? RETURNING MODIFIED NEW *"
    ).statement == Update(
        "t",
        None,
        (Assignment(X, Arithmetic("+", X, number("1"))), Assignment(Path(("m", "a")), text("b"))),
        (Path(("l", 0)),),
        Comparison("=", P, Parameter(0)),
        "MODIFIED NEW",
    )
    assert parsed("DELETE FROM t WHERE p = ? RETURNING ALL OLD *").statement == Delete(
        "t", None, Comparison("=", P, Parameter(0)), "ALL OLD"
    )


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SLECT * FROM t", "Statement wasn't well formed, can't be processed: Expected data manipulation"),
        ("SELECT * FROM t WHERE", "Statement wasn't well formed, can't be processed: SELECT * FROM t WHERE"),
        ("SELECT date FROM t", "Statement wasn't well formed, can't be processed: SELECT date FROM t"),
        ("SELECT 'a FROM t", "Statement wasn't well formed, can't be processed: SELECT 'a FROM t"),
        ("DROP TABLE t", "Unsupported operation: DropTable"),
        ("SELECT count(*) FROM t", "Unexpected path component at 1:8:5"),
        ("SELECT s+1 FROM t", "Unexpected path component at 1:9:1"),
        ("SELECT DISTINCT x FROM t", "Unsupported token in expression: DISTINCT"),
        ("SELECT VALUE x FROM t", "Select projection doesn't support value or pivot keywords"),
        ("SELECT x AS y FROM t", "Aliasing is not supported"),
        ("SELECT x FROM t AS u", "Aliasing is not supported"),
        ("SELECT m.* FROM t", "Changing item's hierarchy while reading isn't supported"),
        ("SELECT b, m.b FROM t", "Duplicate identifiers in select clause: b"),
        ("SELECT x FROM t, u", "Only select from a single table or index is supported."),
        ("SELECT x FROM (SELECT * FROM t)", "Unexpected from source"),
        ("SELECT x FROM t.i.j", "A path may contain at most 2 components in the FROM clause"),
        ('SELECT x FROM ""', "Path component cannot be an empty string"),
        ("SELECT x FROM t LIMIT 1", "Unsupported clause: LIMIT at 1:23:1"),
        ("SELECT x FROM t GROUP BY x", "Unsupported clause: GROUP BY"),
        ("SELECT x FROM t ORDER BY s", "Must have WHERE clause in the statement when using ORDER BY clause."),
        ("SELECT x FROM t WHERE x", "WHERE clause must contain an expression that resolves to a boolean"),
        ("SELECT x FROM t WHERE x LIKE 'a'", "Unsupported operator in Condition Expression. Operator: like"),
        ("SELECT x FROM t WHERE x || 'a' = 'b'", "Unsupported operator in Condition Expression. Operator: ||"),
        ("SELECT x FROM t WHERE foo(x) = 1", "Unrecognized function: foo at 1:23:3"),
        ("SELECT x FROM t WHERE set_add(x, <<1>>) = x", "Unrecognized function: set_add at 1:23:7"),
        ("SELECT x FROM t WHERE x = MISSING", "MISSING must be compared using IS operator"),
        ("SELECT x FROM t WHERE x = (SELECT y FROM t)", "Unsupported token in expression: SELECT at 1:28:6"),
        (
            "SELECT x FROM t WHERE x IN []",
            "IN operator must have a left hand argument of type Variable Reference and right hand argument of type Seq"
            " with at least one member",
        ),
        ("INSERT INTO t VALUE {'p': MISSING}", "Unsupported data type: MISSING under key root at 1:27:7"),
        ("INSERT INTO t VALUE {'p': <<>>}", "Empty bags are not supported at 1:27:2"),
        ("INSERT INTO t VALUE {'p': <<1, 1>>}", "Input collection contains duplicates"),
        (
            "INSERT INTO t VALUE {'p': <<1, 'a'>>}",
            "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags",
        ),
        ("INSERT INTO t VALUE {'p': 1, 'p': 2}", "Duplicate keys in tuple. Key: p under root at 1:30:3"),
        (
            "INSERT INTO t VALUE {p: 1}",
            "Tuple keys must be of type String. Actual type: VariableReference under root at 1:22:1",
        ),
        (
            "INSERT INTO t VALUE ?",
            "Unsupported format in item expression. Please use struct format {...} to express item values for insert"
            " statement. at 1:21:1",
        ),
        (
            "INSERT INTO t.i VALUE {'p': 1}",
            "FROM clause may only contain a single table name in data manipulation statements",
        ),
        ("INSERT INTO t VALUE {'p': 1} RETURNING ALL OLD *", "RETURNING is not supported in INSERT"),
        (f"INSERT INTO t VALUE {{'p': {'1' * 39}}}", "DynamoDB only supports precision up to 38 digits"),
        ("UPDATE t.i SET x = 1 WHERE p = 1", "This operation is not supported on an index"),
        ("UPDATE t SET x = x * 2 WHERE p = 1", "Unsupported operator in Update Expression. Operator: *"),
        (
            "UPDATE t SET x = 1 WHERE p = 1 RETURNING ALL NEW x",
            "Expected '*' after ( MODIFIED | ALL ) ( NEW | OLD ) in RETURNING clause",
        ),
        (
            "DELETE FROM t WHERE p = 1 RETURNING ALL NEW *",
            "Invalid returning clause: RETURNING ALL NEW *. Only RETURNING ALL OLD * is allowed in DELETE statements.",
        ),
    ],
)
def test_what_dynamodb_does_not_have_is_refused_in_its_words(statement: str, message: str) -> None:
    with pytest.raises(ValidationException) as refused:
        parsed(statement)
    assert refused.value.message == message


def test_no_depth_of_parentheses_is_too_much_for_us() -> None:
    for opening, closing in (("(", ")"), ("NOT ", ""), ("[", "]")):
        with pytest.raises(ValidationException):
            parsed(f"SELECT * FROM t WHERE x = {opening * 3000}1{closing * 3000}")


_WORDS = """SELECT FROM WHERE INSERT INTO VALUE UPDATE SET REMOVE DELETE RETURNING ALL OLD AND OR NOT IN BETWEEN IS
    MISSING NULL ORDER BY DESC EXISTS begins_with * t p "q" 'v' 1 ? , . ( ) [ ] { } << >> = < + : ; --"""
_PIECES = st.sampled_from(_WORDS.split())


@given(st.one_of(st.lists(_PIECES, max_size=12).map(" ".join), st.text(max_size=40)))
@examples(150)
def test_every_text_is_a_statement_or_refused(statement: str) -> None:
    try:
        found = parsed(statement)
    except ValidationException as refused:
        assert refused.message
    else:
        assert found.parameters <= statement.count("?")
