"""Query and Scan, as a client has them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.errors import refusal
from tests.running_node import RunningNode
from tests.services.dynamodb import scores
from tests.services.dynamodb.scores import GAMES, PLAYERS, TABLE, item

OF_P1 = {":p": {"S": "p1"}}
EVEN = {":l": {"S": "even"}}
BY_PLAYER = {"KeyConditionExpression": "player = :p", "ExpressionAttributeValues": OF_P1}
BY_LEAGUE = {"KeyConditionExpression": "league = :l", "ExpressionAttributeValues": EVEN}
INVALID = "One or more parameter values were invalid: "


@pytest.fixture(scope="module")
def client(shared_node: RunningNode) -> Any:
    return scores.make(shared_node)


def games(answer: dict[str, Any]) -> list[int]:
    return [int(each["game"]["N"]) for each in answer["Items"]]


def pages(operation: Any, **request: Any) -> tuple[list[dict[str, Any]], int]:
    """All items, and in how many pages they came."""
    found: list[dict[str, Any]] = []
    for count in range(1, 1000):
        answer = operation(**request)
        found += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return found, count
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
    raise AssertionError("there is always another page")


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("", (), [0, 1, 2, 3, 4, 5]),
        (" AND game = :a", (2,), [2]),
        (" AND game < :a", (2,), [0, 1]),
        (" AND game <= :a", (2,), [0, 1, 2]),
        (" AND game > :a", (2,), [3, 4, 5]),
        (" AND game >= :a", (2,), [2, 3, 4, 5]),
        (" AND game BETWEEN :a AND :b", (1, 3), [1, 2, 3]),
        (" AND game > :a", (9,), []),
    ],
)
def test_a_query_is_a_range_of_a_partition_in_order_and_backwards(
    client: Any, condition: str, values: tuple[int, ...], expected: list[int]
) -> None:
    given = {name: {"N": str(value)} for name, value in zip((":a", ":b"), values, strict=False)}
    request = {
        "TableName": TABLE,
        "KeyConditionExpression": f"player = :p{condition}",
        "ExpressionAttributeValues": {**OF_P1, **given},
    }
    assert games(client.query(**request)) == expected
    assert games(client.query(**request, ScanIndexForward=False)) == expected[::-1]
    assert client.query(**request, Select="COUNT")["Count"] == len(expected)


@pytest.mark.parametrize("limit", [1, 4, 5])
@pytest.mark.parametrize("forward", [True, False])
def test_pages_of_a_query_join_to_the_whole(client: Any, limit: int, forward: bool) -> None:
    for of in (BY_PLAYER, {**BY_PLAYER, "IndexName": "by-score"}, {**BY_LEAGUE, "IndexName": "leagues"}):
        request = {"TableName": TABLE, "ScanIndexForward": forward, **of}
        whole = client.query(**request)["Items"]
        assert len(whole) == GAMES
        found, count = pages(client.query, **request, Limit=limit)
        assert found == whole
        assert count == GAMES // limit + 1


@pytest.mark.parametrize("index", [None, "by-score", "leagues"])
def test_segments_of_a_scan_have_every_item_once(client: Any, index: str | None) -> None:
    request = {"TableName": TABLE, **({"IndexName": index} if index else {})}
    whole = client.scan(**request)["Items"]
    assert len(whole) == (PLAYERS if index != "leagues" else PLAYERS - 1) * GAMES
    found = [
        each
        for segment in range(3)
        for each in pages(client.scan, **request, Segment=segment, TotalSegments=3, Limit=5)[0]
    ]
    assert found == whole
    assert pages(client.scan, **request, Limit=7)[0] == whole


def test_a_page_ends_with_the_item_that_makes_it_a_megabyte(shared_node: RunningNode) -> None:
    client = shared_node.client("dynamodb")
    client.create_table(
        TableName="large",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "p", "AttributeType": "S"},
            {"AttributeName": "s", "AttributeType": "N"},
        ],
        KeySchema=scores.schema(["p"], ["s"]),
    )
    for place in range(5):
        held = {"p": {"S": "a"}, "s": {"N": str(place + 1)}, "x": {"S": "x" * (256 * 1024 - 6)}}  # a quarter of it
        client.put_item(TableName="large", Item=held)
    of = {"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}
    request = {"TableName": "large", "ReturnConsumedCapacity": "TOTAL"}
    answer = client.query(**request, **of)
    assert answer["Count"] == 4
    assert answer["LastEvaluatedKey"] == {"p": {"S": "a"}, "s": {"N": "4"}}
    assert answer["ConsumedCapacity"]["CapacityUnits"] == 128
    assert client.query(**request, **of, ExclusiveStartKey=answer["LastEvaluatedKey"])["Count"] == 1
    scanned = client.scan(**request, FilterExpression="attribute_not_exists(x)")
    assert (scanned["Count"], scanned["ScannedCount"]) == (0, 4)
    assert scanned["LastEvaluatedKey"] == answer["LastEvaluatedKey"]


def test_a_filter_leaves_items_out_and_they_cost_all_the_same(client: Any) -> None:
    request = {"TableName": TABLE, "ReturnConsumedCapacity": "TOTAL"}
    values = {":m": {"S": "silver"}}
    filtered = client.query(
        **request,
        KeyConditionExpression="player = :p",
        FilterExpression="medal = :m",
        ExpressionAttributeValues={**OF_P1, **values},
    )
    assert (filtered["Count"], filtered["ScannedCount"], games(filtered)) == (2, 6, [3, 5])
    assert filtered["ConsumedCapacity"] == client.query(**request, **BY_PLAYER)["ConsumedCapacity"]
    scanned = client.scan(**request, FilterExpression="medal = :m", ExpressionAttributeValues=values, Limit=10)
    assert scanned["ScannedCount"] == 10
    assert 0 < scanned["Count"] < 10
    assert "LastEvaluatedKey" in scanned


def test_an_index_shows_what_it_projects_of_the_items_that_have_its_keys(client: Any) -> None:
    of = {"TableName": TABLE, **BY_LEAGUE, "IndexName": "leagues"}
    assert all(set(each) == {"player", "game", "league", "score"} for each in client.query(**of)["Items"])
    local = client.query(TableName=TABLE, IndexName="by-score", **BY_PLAYER)["Items"]
    assert {name for each in local for name in each} == {"player", "game", "score", "medal"}
    assert [int(each["score"]["N"]) for each in local] == sorted(int(each["score"]["N"]) for each in local)
    assert client.scan(TableName=TABLE, IndexName="leagues", Select="COUNT")["Count"] == (PLAYERS - 1) * GAMES


def test_a_local_index_fetches_what_it_does_not_have(client: Any) -> None:
    of = {"TableName": TABLE, "IndexName": "by-score", "ReturnConsumedCapacity": "INDEXES", **BY_PLAYER}
    own = client.query(**of)
    assert own["ConsumedCapacity"]["CapacityUnits"] == 0.5
    every = client.query(**of, Select="ALL_ATTRIBUTES", Limit=2)
    assert every["Items"] == [item(1, int(each["game"]["N"])) for each in every["Items"]]
    assert every["ConsumedCapacity"]["Table"] == {"CapacityUnits": 1.0}
    assert every["ConsumedCapacity"]["LocalSecondaryIndexes"] == {"by-score": {"CapacityUnits": 0.5}}
    named = client.query(**of, ProjectionExpression="note.#t", ExpressionAttributeNames={"#t": "text"}, Limit=1)
    assert set(named["Items"][0]["note"]["M"]) == {"text"}
    assert named["ConsumedCapacity"]["CapacityUnits"] == 1.0
    consistent = client.query(**of, Select="ALL_ATTRIBUTES", Limit=2, ConsistentRead=True)
    assert consistent["ConsumedCapacity"]["CapacityUnits"] == 3.0


def test_an_index_may_have_several_attributes_for_each_part_of_its_key(client: Any) -> None:
    of = {"TableName": TABLE, "IndexName": "seasons"}
    of_season = {":l": {"S": "odd"}, ":s": {"N": "1"}}
    odd = [item(player, game) for player in (1, 3) for game in (1, 3, 5)]
    narrow = client.query(
        **of,
        KeyConditionExpression="league = :l AND season = :s AND score = :n AND begins_with(player, :p)",
        ExpressionAttributeValues={**of_season, ":n": {"N": "1"}, ":p": {"S": "p"}},
    )
    assert narrow["Items"] == [each for each in odd if each["score"] == {"N": "1"}]
    season: dict[str, Any] = {
        "KeyConditionExpression": "league = :l AND season = :s",
        "ExpressionAttributeValues": of_season,
    }
    whole = client.query(**of, **season)["Items"]
    order = [(int(each["score"]["N"]), each["player"]["S"]) for each in whole]
    assert order == sorted(order)
    assert len(whole) == len(odd)
    first = client.query(**of, **season, Limit=1)
    assert set(first["LastEvaluatedKey"]) == {"player", "game", "league", "season", "score"}
    assert pages(client.query, **of, **season, Limit=1)[0] == whole
    half = {"KeyConditionExpression": "league = :l", "ExpressionAttributeValues": {":l": {"S": "odd"}}}
    assert refusal(client.query, **of, **half) == (
        "ValidationException",
        "Query condition missed key schema element: season",
    )


def test_the_parameters_from_before_expressions_say_the_same(client: Any) -> None:
    of_player = {"player": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "p1"}]}}
    after = {"game": {"ComparisonOperator": "GT", "AttributeValueList": [{"N": "2"}]}}
    silver = {"medal": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "silver"}]}}
    answer = client.query(
        TableName=TABLE, KeyConditions={**of_player, **after}, QueryFilter=silver, AttributesToGet=["game"]
    )
    assert (answer["Items"], answer["ScannedCount"]) == ([{"game": {"N": "3"}}, {"game": {"N": "5"}}], 3)
    scanned = client.scan(TableName=TABLE, ScanFilter=silver, AttributesToGet=["medal"])
    assert scanned["Items"] == [{"medal": {"S": "silver"}}] * (2 * PLAYERS)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."),
        ({**BY_PLAYER, "IndexName": "nope"}, "The table does not have the specified index: nope"),
        (
            {**BY_LEAGUE, "IndexName": "leagues", "ConsistentRead": True},
            "Consistent reads are not supported on global secondary indexes",
        ),
        (
            {**BY_LEAGUE, "IndexName": "leagues", "Select": "ALL_ATTRIBUTES"},
            f"{INVALID}Select type ALL_ATTRIBUTES is not supported for global secondary index leagues because its"
            " projection type is not ALL",
        ),
        (
            {**BY_LEAGUE, "IndexName": "leagues", "ProjectionExpression": "note, medal"},
            f"{INVALID}Global secondary index leagues does not project [medal, note]",
        ),
        (
            {**BY_PLAYER, "IndexName": "by-score", "FilterExpression": "attribute_exists(note)"},
            f"{INVALID}Secondary index by-score does not project one or more filter attributes: [note]",
        ),
        (
            {**BY_PLAYER, "FilterExpression": "attribute_exists(game)"},
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: game",
        ),
        (
            {**BY_PLAYER, "Select": "ALL_PROJECTED_ATTRIBUTES"},
            "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
        ),
        (
            {**BY_PLAYER, "Select": "SPECIFIC_ATTRIBUTES"},
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
        ),
        (
            {**BY_PLAYER, "Select": "COUNT", "ProjectionExpression": "note"},
            "Cannot specify the ProjectionExpression when choosing to get only the Count",
        ),
    ],
)
def test_a_query_that_cannot_be_answered_is_told_why(client: Any, request_: dict[str, Any], message: str) -> None:
    assert refusal(client.query, TableName=TABLE, **request_) == ("ValidationException", message)


START = {"player": {"S": "p1"}, "game": {"N": "2"}}
AFTER_2 = {
    "KeyConditionExpression": "player = :p AND game > :g",
    "ExpressionAttributeValues": {**OF_P1, ":g": {"N": "2"}},
}


@pytest.mark.parametrize(
    ("of", "key", "message"),
    [
        (BY_PLAYER, {"player": {"S": "p1"}}, ""),
        (BY_PLAYER, {**START, "more": {"S": "x"}}, ""),
        (BY_PLAYER, {**START, "game": {"S": "2"}}, ""),
        ({**BY_PLAYER, "IndexName": "by-score"}, START, ""),
        (
            BY_PLAYER,
            {**START, "player": {"S": "p2"}},
            "The provided starting key is outside query boundaries based on provided conditions",
        ),
        (AFTER_2, START, "The provided starting key does not match the range key predicate"),
        (
            AFTER_2,
            {"player": {"S": "p2"}, "game": {"N": "3"}},
            "The query can return at most one row and cannot be restarted",
        ),
        (
            BY_PLAYER,
            {**START, "player": {"S": ""}},
            "The provided starting key is invalid: One or more parameter values are not valid. The"
            " AttributeValue for a key"
            " attribute cannot contain an empty string value. Key: player",
        ),
    ],
)
def test_a_query_starts_only_where_a_page_of_it_can_have_ended(
    client: Any, of: dict[str, Any], key: dict[str, Any], message: str
) -> None:
    expected = message or "The provided starting key is invalid"
    assert refusal(client.query, TableName=TABLE, **of, ExclusiveStartKey=key) == ("ValidationException", expected)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"ExclusiveStartKey": {"player": {"S": "p1"}}},
            "The provided starting key is invalid: The provided key element does not match the schema",
        ),
        ({"ExclusiveStartKey": START, "IndexName": "leagues"}, "The provided starting key is invalid"),
        (
            {"Segment": 0},
            "The TotalSegments parameter is required but was not present in the request when Segment"
            " parameter is present",
        ),
        (
            {"TotalSegments": 2},
            "The Segment parameter is required but was not present in the request when parameter"
            " TotalSegments is present",
        ),
        (
            {"Segment": 5, "TotalSegments": 5},
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 5 is not less"
            " than TotalSegments: 5",
        ),
    ],
)
def test_a_scan_that_cannot_begin_is_told_why(client: Any, request_: dict[str, Any], message: str) -> None:
    assert refusal(client.scan, TableName=TABLE, **request_) == ("ValidationException", message)


def test_a_key_of_another_segment_is_refused(client: Any) -> None:
    refused = []
    for segment in range(4):
        request = {"TableName": TABLE, "Segment": segment, "TotalSegments": 4, "ExclusiveStartKey": START}
        try:
            client.scan(**request)
        except client.exceptions.ClientError as error:
            refused.append(error.response["Error"]["Message"])
    assert len(refused) == 3
    assert all("Please use ExclusiveStartKey with correct Segment. TotalSegments: 4" in each for each in refused)


def test_a_table_that_is_not_there_is_not_found(client: Any) -> None:
    for call, more in ((client.query, BY_PLAYER), (client.scan, {})):
        assert refusal(call, TableName="nowhere", **more)[0] == "ResourceNotFoundException"
