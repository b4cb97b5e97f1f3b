"""ExecuteStatement, BatchExecuteStatement and ExecuteTransaction, as a client has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.errors import refusal
from tests.running_node import RunningNode
from tests.services.dynamodb import scores
from tests.services.dynamodb.scores import GAMES, TABLE, item

INVALID = "One or more parameter values were invalid: "
SCALARS = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed:"
NO_KEY = "Where clause does not contain a mandatory equality on all key attributes"
KEY = "WHERE player = 'w' AND game = 1"


@pytest.fixture(scope="module")
def client(shared_node: RunningNode) -> Any:
    return scores.make(shared_node)


@pytest.fixture
def written(client: Any) -> Iterator[Any]:
    """A client of the table, in which there is one item more."""
    held = {"player": {"S": "w"}, "game": {"N": "1"}, "n": {"N": "5"}, "l": {"L": [{"N": "1"}]}, "t": {"SS": ["a"]}}
    client.put_item(TableName=TABLE, Item=held)
    yield client
    for game in range(1, 4):
        client.delete_item(TableName=TABLE, Key={"player": {"S": "w"}, "game": {"N": str(game)}})


def run(client: Any, statement: str, *parameters: Any, **more: Any) -> list[dict[str, Any]]:
    return list(execute(client, statement, *parameters, **more)["Items"])


def execute(client: Any, statement: str, *parameters: Any, **more: Any) -> dict[str, Any]:
    if parameters:
        more["Parameters"] = list(parameters)
    return dict(client.execute_statement(Statement=statement, **more))


def the(client: Any, game: int = 1) -> dict[str, Any]:
    key = {"player": {"S": "w"}, "game": {"N": str(game)}}
    return dict(client.get_item(TableName=TABLE, Key=key).get("Item", {}))


# --- SELECT -----------------------------------------------------------------------------------------------------------


def test_a_select_reads_what_it_names(client: Any) -> None:
    assert run(client, "SELECT * FROM scores WHERE player = 'p1' AND game = 2") == [item(1, 2)]
    assert run(client, "SELECT game, medal FROM scores WHERE player = ? AND game < ?", {"S": "p1"}, {"N": "2"}) == [
        {"game": {"N": "0"}},
        {"game": {"N": "1"}, "medal": {"S": "gold"}},
    ]
    assert len(run(client, "SELECT * FROM scores WHERE medal = 'silver' AND NOT player = 'p0'")) == 6
    assert run(client, "SELECT * FROM scores WHERE player = 'nobody'") == []


def test_what_lies_in_maps_and_lists_is_answered_by_its_last_name(client: Any) -> None:
    (found,) = run(
        client, "SELECT note.\"text\", note.marks[1], note.none FROM scores WHERE player = 'p1' AND game = 3"
    )
    assert found == {"text": {"S": "note 1.3"}, "marks[1]": {"N": "3"}}


def test_a_select_comes_in_pages_in_the_order_it_asks_for(client: Any) -> None:
    where = "WHERE player IN ['p2', 'p1'] AND game > 1"
    for order, expected in (
        ("", [("p2", 2), ("p2", 3), ("p2", 4), ("p2", 5), ("p1", 2), ("p1", 3), ("p1", 4), ("p1", 5)]),
        ("ORDER BY player, game DESC", [(player, game) for player in ("p1", "p2") for game in (5, 4, 3, 2)]),
        ("ORDER BY game DESC, player", [(player, game) for game in (5, 4, 3, 2) for player in ("p1", "p2")]),
    ):
        found: list[tuple[str, int]] = []
        token: dict[str, Any] = {}
        for _ in range(4):
            answer = execute(client, f"SELECT * FROM scores {where} {order}", Limit=3, **token)
            found += [(each["player"]["S"], int(each["game"]["N"])) for each in answer["Items"]]
            if "NextToken" not in answer:
                break
            token = {"NextToken": answer["NextToken"]}
        assert found == expected


def test_a_token_is_good_for_its_statement_and_parameters_only(client: Any) -> None:
    statement = "SELECT * FROM scores WHERE player = ?"
    token = execute(client, statement, {"S": "p1"}, Limit=2)["NextToken"]
    assert len(run(client, statement, {"S": "p1"}, NextToken=token)) == GAMES - 2
    for other, parameter in ((statement, {"S": "p2"}), (f"{statement} ORDER BY game", {"S": "p1"})):
        assert refusal(client.execute_statement, Statement=other, Parameters=[parameter], NextToken=token) == (
            "ValidationException",
            "NextToken does not match request",
        )
    for wrong in ("x", "e30=", "bnVsbA=="):
        assert refusal(client.execute_statement, Statement=statement, Parameters=[{"S": "p1"}], NextToken=wrong) == (
            "ValidationException",
            "Invalid NextToken",
        )


def test_an_index_is_read_as_a_query_reads_it(client: Any) -> None:
    more = {"ReturnConsumedCapacity": "INDEXES"}
    answer = execute(client, "SELECT * FROM scores.leagues WHERE league = 'even'", **more)
    assert all(set(each) == {"player", "game", "league", "score"} for each in answer["Items"])
    assert len(answer["Items"]) == GAMES
    assert answer["ConsumedCapacity"]["GlobalSecondaryIndexes"] == {"leagues": {"CapacityUnits": 0.5}}
    local = execute(client, "SELECT note FROM scores.\"by-score\" WHERE player = 'p1'", **more)
    assert len(local["Items"]) == GAMES
    assert local["ConsumedCapacity"]["Table"]["CapacityUnits"] == 0.5 * GAMES
    assert run(client, "SELECT * FROM scores.leagues WHERE medal = 'gold'") == []
    several = "SELECT game FROM scores.seasons WHERE league = 'odd' AND season = 1 AND score = 1 ORDER BY player DESC"
    expected = [game for player in (3, 1) for game in (1, 3, 5) if (player * 7 + game * 5) % 11 == 1]
    assert [int(each["game"]["N"]) for each in run(client, several)] == expected


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT * FROM scores.nope WHERE player = 'a'", "The table does not have the specified index"),
        (
            "SELECT note FROM scores.leagues WHERE league = 'odd'",
            f"{INVALID}Global secondary index leagues does not project [note]",
        ),
        (
            "SELECT * FROM scores.leagues WHERE league = 'odd' AND medal = 'gold'",
            f"{INVALID}Secondary index leagues does not project one or more filter attributes: [medal]",
        ),
        ("SELECT * FROM scores WHERE player = ?", "Number of parameters in request and statement don't match."),
        (
            "SELECT * FROM scores WHERE player = 'a' AND medal < true",
            "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
        ),
        (
            "EXISTS(SELECT * FROM scores WHERE player = 'a')",
            "EXISTS can only be used in ExecuteTransaction write requests.",
        ),
        ("UPDATE scores SET x = 1 WHERE player = 'a'", NO_KEY),
        ("DELETE FROM scores", NO_KEY),
        (
            "UPDATE scores SET x = 1 WHERE player = 'a' AND game = 1 AND game = 2",
            "Multiple conditions on same key game. Only single item Update/Insert/Delete are supported",
        ),
        (
            "UPDATE scores SET x = set_add(y, <<1>>) WHERE player = 'a' AND game = 1",
            "The first argument to SET_ADD must equal the assignment value at 1:23:7",
        ),
        (
            "UPDATE scores SET x = set_add(x, 1) WHERE player = 'a' AND game = 1",
            "The second argument to SET_ADD must be a value with type SET at 1:31:1",
        ),
        (
            "UPDATE scores SET x = set_delete(x) WHERE player = 'a' AND game = 1",
            "SET_DELETE must have exactly two arguments at 1:23:10",
        ),
        (
            "UPDATE scores SET game = 2 WHERE player = 'a' AND game = 1",
            "One or more parameter values were invalid: Cannot update attribute game."
            " This attribute is part of the key",
        ),
        (
            "DELETE FROM scores WHERE player = 'a' AND game = NULL",
            "Key value must be of type S, N, or B. Key name: game, Key type: NULL",
        ),
        ("SELECT * FROM scores WHERE size(game[0]) > 1", f"{SCALARS} Key: game"),
        ("DELETE FROM scores WHERE player = 'a' AND game = 1 AND game.x IS NULL", f"{SCALARS} Key: game"),
        ("UPDATE scores SET league.x = 1 WHERE player = 'a' AND game = 1", f"{SCALARS} IndexKey: league"),
        ("INSERT INTO scores VALUE {'player': 'a'}", "Key attribute should be present in the item: Key game"),
        (
            "INSERT INTO scores VALUE {'player': 'a', 'game': 'b'}",
            "Key attribute's data type should match its data type in table's schema: Key game",
        ),
    ],
)
def test_a_statement_that_cannot_be_carried_out_is_told_why(client: Any, statement: str, message: str) -> None:
    assert refusal(client.execute_statement, Statement=statement) == ("ValidationException", message)


def test_a_global_index_is_never_read_consistently(client: Any) -> None:
    statement = "SELECT * FROM scores.leagues WHERE league = 'odd'"
    assert refusal(client.execute_statement, Statement=statement, ConsistentRead=True) == (
        "ValidationException",
        "Strongly consistent read is not supported on Global Secondary Indexes",
    )
    assert refusal(client.execute_statement, Statement="SELECT * FROM nowhere")[0] == "ResourceNotFoundException"


# --- INSERT, UPDATE, DELETE -------------------------------------------------------------------------------------------


def test_an_insert_puts_what_is_not_there(written: Any) -> None:
    assert (
        run(written, "INSERT INTO scores VALUE {'player': 'w', 'game': ?, 'x': [1, ?]}", {"N": "2"}, {"B": b"\0"}) == []
    )
    assert the(written, 2)["x"] == {"L": [{"N": "1"}, {"B": b"\0"}]}
    again = "INSERT INTO scores VALUE {'player': 'w', 'game': 2}"
    assert refusal(written.execute_statement, Statement=again) == (
        "DuplicateItemException",
        "Duplicate primary key exists in table",
    )
    assert "x" in the(written, 2)


def test_an_update_sets_removes_adds_and_appends(written: Any) -> None:
    changes = (
        "SET n = n + 1 SET l = list_append(l, [2, ?]), k = if_not_exists(k, 'new') REMOVE gone SET t ="
        " set_add(t, <<'b'>>)"
    )
    assert run(written, f"UPDATE scores {changes} {KEY}", {"N": "3"}) == []
    assert the(written) == {
        "player": {"S": "w"},
        "game": {"N": "1"},
        "n": {"N": "6"},
        "k": {"S": "new"},
        "l": {"L": [{"N": "1"}, {"N": "2"}, {"N": "3"}]},
        "t": {"SS": ["a", "b"]},
    }
    shown = run(written, f"UPDATE scores SET l[0] = 7 SET n = 10 - n - 1 + 2 {KEY} RETURNING MODIFIED NEW *")
    assert shown == [{"l": {"L": [{"N": "7"}, {"N": "2"}, {"N": "3"}]}, "n": {"N": "5"}}]
    assert run(written, f"UPDATE scores SET t = set_delete(t, <<'a'>>) {KEY} RETURNING ALL OLD *")[0]["t"] == {
        "SS": ["a", "b"]
    }
    assert the(written)["t"] == {"SS": ["b"]}


def test_an_update_is_of_what_is_there_and_meets_its_condition(written: Any) -> None:
    absent = "UPDATE scores SET x = 1 WHERE player = 'w' AND game = 9"
    assert refusal(written.execute_statement, Statement=absent)[0] == "ConditionalCheckFailedException"
    with pytest.raises(ClientError) as refused:
        execute(written, f"UPDATE scores SET x = 1 {KEY} AND n > 5", ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert refused.value.response["Item"] == the(written)
    run(written, f"UPDATE scores SET x = 1 {KEY} AND (n > 5 OR t IS NOT MISSING)")
    assert the(written)["x"] == {"N": "1"}
    assert refusal(written.execute_statement, Statement=f"UPDATE scores SET x = n + l + x {KEY}")[0] == "NotImplemented"


def test_a_delete_of_nothing_is_none_whatever_its_condition(written: Any) -> None:
    assert run(written, "DELETE FROM scores WHERE player = 'w' AND game = 9 AND x = 1") == []
    false = f"DELETE FROM scores {KEY} AND n = 1"
    assert refusal(written.execute_statement, Statement=false)[0] == "ConditionalCheckFailedException"
    before = the(written)
    assert run(written, f"DELETE FROM scores {KEY} AND n = 5 RETURNING ALL OLD *") == [before]
    assert the(written) == {}


# --- several ----------------------------------------------------------------------------------------------------------


def batch(client: Any, *statements: str, **more: Any) -> list[dict[str, Any]]:
    return list(
        client.batch_execute_statement(Statements=[{"Statement": each, **more} for each in statements])["Responses"]
    )


def test_a_batch_of_reads_answers_each_in_its_place(client: Any) -> None:
    by_key = "SELECT game FROM scores WHERE player = 'p1' AND game ="
    assert batch(
        client,
        f"{by_key} 1",
        f"{by_key} 99",
        "SELECT * FROM scores WHERE player = 'p1'",
        "SLECT",
        "SELECT * FROM no_table",
    ) == [
        {"TableName": TABLE, "Item": {"game": {"N": "1"}}},
        {"TableName": TABLE},
        {
            "Error": {
                "Code": "ValidationError",
                "Message": "Select statements within BatchExecuteStatement must specify the primary key in the where"
                " clause.",
            }
        },
        {
            "Error": {
                "Code": "ValidationError",
                "Message": "Statement wasn't well formed, can't be processed: Expected data manipulation",
            }
        },
        {"Error": {"Code": "ResourceNotFound", "Message": "Requested resource not found"}},
    ]


def test_a_batch_that_nobody_can_read_is_refused_whole(node: RunningNode, written: Any) -> None:
    unchecked = node.client("dynamodb", config={"parameter_validation": False})
    statements = [
        {"Statement": "INSERT INTO scores VALUE {'player': 'w', 'game': 8}"},
        {"Statement": "INSERT INTO scores VALUE {'player': 'w', 'game': 9, 'x': ?}", "Parameters": [{"BOOL": "x"}]},
    ]
    assert refusal(unchecked.batch_execute_statement, Statements=statements)[0] == "SerializationException"
    assert the(written, 8) == {}


def test_what_fails_in_a_batch_of_writes_keeps_nobody_else_from_it(written: Any) -> None:
    answer = batch(
        written,
        "INSERT INTO scores VALUE {'player': 'w', 'game': 1}",
        "INSERT INTO scores VALUE {'player': 'w', 'game': 2}",
        "UPDATE scores SET x = 1 WHERE player = 'w' AND game = 3",
    )
    assert [each.get("Error", {}).get("Code") for each in answer] == ["DuplicateItem", None, "ConditionalCheckFailed"]
    assert all(each["TableName"] == TABLE for each in answer)
    assert the(written, 2)
    shown = batch(written, f"UPDATE scores SET n = 1 {KEY} RETURNING MODIFIED OLD *")
    assert shown == [{"TableName": TABLE, "Item": {"n": {"N": "5"}}}]
    for wrong, message in (
        (
            ("DELETE FROM scores " + KEY, "SELECT * FROM scores " + KEY),
            "Read and write requests together in the same batch is not supported.",
        ),
        (("DELETE FROM scores " + KEY,) * 2, "Provided list of item keys contains duplicates"),
    ):
        statements = [{"Statement": each} for each in wrong]
        assert refusal(written.batch_execute_statement, Statements=statements) == ("ValidationException", message)


def transaction(client: Any, *statements: str, **more: Any) -> dict[str, Any]:
    return dict(client.execute_transaction(TransactStatements=[{"Statement": each} for each in statements], **more))


def test_a_transaction_becomes_true_as_a_whole_or_not_at_all(written: Any) -> None:
    insert = "INSERT INTO scores VALUE {'player': 'w', 'game': 2}"
    with pytest.raises(ClientError) as refused:
        transaction(written, insert, "INSERT INTO scores VALUE {'player': 'w', 'game': 1}")
    assert refused.value.response["Error"]["Code"] == "TransactionCanceledException"
    assert refused.value.response["CancellationReasons"] == [
        {"Code": "None"},
        {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"},
    ]
    assert the(written, 2) == {}
    exists = f"EXISTS(SELECT * FROM scores {KEY} AND n = {{}})"
    with pytest.raises(ClientError) as refused:
        transaction(written, exists.format(6), insert)
    assert [each["Code"] for each in refused.value.response["CancellationReasons"]] == [
        "ConditionalCheckFailed",
        "None",
    ]
    assert transaction(written, exists.format(5), insert)["Responses"] == []
    assert the(written, 2)


def test_a_transaction_with_a_token_is_carried_out_once(written: Any) -> None:
    add = f"UPDATE scores SET n = n + 1 {KEY}"
    for units in ("WriteCapacityUnits", "ReadCapacityUnits"):
        answer = transaction(written, add, ClientRequestToken="once", ReturnConsumedCapacity="TOTAL")
        assert [each[units] for each in answer["ConsumedCapacity"]] == [2.0]
    assert the(written)["n"] == {"N": "6"}
    other = [{"Statement": f"UPDATE scores SET n = n + 2 {KEY}"}]
    code, _ = refusal(written.execute_transaction, TransactStatements=other, ClientRequestToken="once")
    assert code == "IdempotentParameterMismatchException"


def test_a_transaction_reads_items_of_one_moment(client: Any) -> None:
    by_key = "SELECT game FROM scores WHERE player = 'p1' AND game ="
    answer = transaction(client, f"{by_key} 1", f"{by_key} 99", ReturnConsumedCapacity="TOTAL")
    assert answer["Responses"] == [{"Item": {"game": {"N": "1"}}}, {}]
    assert answer["ConsumedCapacity"][0]["ReadCapacityUnits"] == 4.0


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (
            ("SELECT * FROM scores WHERE player = 'p1'",),
            "Validation failed in TransactStatements[0]: Select statements within ExecuteTransaction must specify the"
            " primary key in the where clause.",
        ),
        (
            ("SELECT * FROM scores.leagues WHERE league = 'odd'",),
            "Validation failed in TransactStatements[0]: Reads on indices are not supported within transactions.",
        ),
        (
            (f"UPDATE scores SET n = 1 {KEY} RETURNING ALL NEW *",),
            "Validation failed in TransactStatements[0]: RETURNING clause is not supported in ExecuteTransaction.",
        ),
        (
            (f"EXISTS(SELECT * FROM scores {KEY})",),
            "Validation failed in TransactStatements[0]: EXISTS() must contain a single item read with"
            " additional condition",
        ),
        (
            (f"DELETE FROM scores {KEY}", f"SELECT * FROM scores {KEY}"),
            "ExecuteTransaction API does not support both read and write operations in the same request.",
        ),
        (
            (f"DELETE FROM scores {KEY}",) * 2,
            "Transaction request cannot include multiple operations on one item",
        ),
    ],
)
def test_a_transaction_that_cannot_be_is_told_why(client: Any, statements: tuple[str, ...], message: str) -> None:
    several = [{"Statement": each} for each in statements]
    assert refusal(client.execute_transaction, TransactStatements=several) == ("ValidationException", message)
