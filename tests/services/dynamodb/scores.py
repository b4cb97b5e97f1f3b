"""A table with indexes of every kind, for tests that read: who scored how much in which game, and when."""

from __future__ import annotations

from typing import Any

from tests.running_node import RunningNode

TABLE = "scores"
PLAYERS = 4
GAMES = 6


def make(node: RunningNode) -> Any:
    """A client of a node with the table, filled."""
    client = node.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in (("player", "S"), ("game", "N"), ("score", "N"), ("league", "S"), ("season", "N"))
        ],
        KeySchema=schema(["player"], ["game"]),
        LocalSecondaryIndexes=[index("by-score", ["player"], ["score"], "INCLUDE", ["medal"])],
        GlobalSecondaryIndexes=[
            index("leagues", ["league"], ["score"], "KEYS_ONLY"),
            index("seasons", ["league", "season"], ["score", "player"], "ALL"),
        ],
    )
    for player in range(PLAYERS):
        for game in range(GAMES):
            client.put_item(TableName=TABLE, Item=item(player, game))
    return client


def item(player: int, game: int) -> dict[str, Any]:
    """Everyone but the first has a league; every second game had a medal."""
    found = {
        "player": {"S": f"p{player}"},
        "game": {"N": str(game)},
        "score": {"N": str((player * 7 + game * 5) % 11)},
        "season": {"N": str(game % 2)},
        "note": {"M": {"text": {"S": f"note {player}.{game}"}, "marks": {"L": [{"N": "1"}, {"N": str(game)}]}}},
    }
    if player:
        found["league"] = {"S": "even" if player % 2 == 0 else "odd"}
    if game % 2:
        found["medal"] = {"S": "gold" if game == 1 else "silver"}
    return found


def schema(partition: list[str], sort: list[str]) -> list[dict[str, str]]:
    return [
        *({"AttributeName": name, "KeyType": "HASH"} for name in partition),
        *({"AttributeName": name, "KeyType": "RANGE"} for name in sort),
    ]


def index(
    name: str, partition: list[str], sort: list[str], kind: str, names: list[str] | None = None
) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": kind}
    if names:
        projection["NonKeyAttributes"] = names
    return {"IndexName": name, "KeySchema": schema(partition, sort), "Projection": projection}
