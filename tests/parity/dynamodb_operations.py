"""Random operations on DynamoDB, the same for the same seed: right ones, and wrong ones as people write them."""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Request = dict[str, Any]
Value = dict[str, Any]

NAMES = ("a", "b", "c", "m", "l", "n", "size", "Comment", "with-dash", "_x", "é")
"""Of attributes; some are reserved words, and some cannot stand in an expression at all."""

NUMBERS = (
    *(
        "0",
        "1",
        "-1",
        "2",
        "10",
        "1.0",
        "1.50",
        "-0",
        "0.001",
        "1E2",
        "1e-5",
        "+5",
        "007",
        "123456789012345678901234567890",
    ),
    *("9.9999999999999999999999999999999999999E+125", "1E-130", "-1E-130", "12345678901234567890123456789012345678"),
)
WRONG_NUMBERS = ("", "abc", "1E126", "1E-131", "123456789012345678901234567890123456789", "0x10", " 1", "NaN", "1_000")
WRONG_VALUES: tuple[Any, ...] = (
    *({}, {"S": 1}, {"N": 1}, {"X": "y"}, {"S": "a", "N": "1"}, {"SS": []}, {"NULL": False}, {"BS": ["!"]}, "a", None),
    *({"SS": ["a", "a"]}, {"NS": ["1", "1.0"]}, {"B": "%%"}, {"BOOL": "x"}, {"L": [None]}, {"M": {"": {"S": "a"}}}),
)
TEXTS = ("", "a", "b", "ab", "abc", "aé", "z", "10", "\u0000", "日本")
BINARIES = tuple(b64encode(each).decode() for each in (b"", b"a", b"ab", b"\x00\xff", b"zz"))
TYPES = ("S", "N", "B", "SS", "NS", "BS", "BOOL", "NULL", "L", "M")

TABLES: dict[str, Request] = {
    "simple": {
        "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    },
    "ranged": {
        "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "a", "AttributeType": "S"},
            {"AttributeName": "n", "AttributeType": "N"},
            {"AttributeName": "b", "AttributeType": "S"},
            {"AttributeName": "c", "AttributeType": "N"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by-b",
                "KeySchema": [{"AttributeName": "b", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["m"]},
            },
            {
                "IndexName": "by-c",
                "KeySchema": [{"AttributeName": "c", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
        "LocalSecondaryIndexes": [
            {
                "IndexName": "local-c",
                "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    },
    "binary": {
        "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "a", "AttributeType": "N"},
            {"AttributeName": "b", "AttributeType": "B"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    },
}

KEYS = {"simple": (("a", "S"),), "ranged": (("a", "S"), ("n", "N")), "binary": (("a", "N"), ("b", "B"))}
INDEX_KEYS = {"by-b": (("b", "S"), ("c", "N")), "by-c": (("c", "N"),), "local-c": (("a", "S"), ("c", "N"))}


class Writer:
    """Writes one request. What it substitutes for names and values it remembers, and gives it at the end."""

    def __init__(self, pick: random.Random, mistakes: float) -> None:
        self._pick = pick
        self._mistakes = mistakes
        self.names: dict[str, str] = {}
        self.values: dict[str, Value] = {}

    def another(self) -> Writer:
        """One with names of its own."""
        return Writer(self._pick, self._mistakes)

    def errs(self) -> bool:
        """Whether a mistake is made here."""
        return self._pick.random() < self._mistakes

    def one(self, of: Sequence[Any]) -> Any:
        return self._pick.choice(of)

    # --- values ---

    def value(self, kind: str | None = None, depth: int = 0) -> Value:
        if kind is None:
            kind = self.one(TYPES if depth < 2 else TYPES[:8])
        if self.errs():
            wrong: Value = self.one([*WRONG_VALUES, {"N": self.one(WRONG_NUMBERS)}])
            return wrong
        return {kind: self._held(kind, depth)}

    def _held(self, kind: str, depth: int) -> Any:
        simple: dict[str, Callable[[], Any]] = {
            "S": lambda: self.one(TEXTS),
            "N": lambda: self.one(NUMBERS),
            "B": lambda: self.one(BINARIES),
            "SS": lambda: self._pick.sample(TEXTS[1:], self._pick.randint(1, 3)),
            "NS": lambda: self._pick.sample(("1", "2", "3.5", "1E3", "-7"), self._pick.randint(1, 3)),
            "BS": lambda: self._pick.sample(BINARIES[1:], self._pick.randint(1, 3)),
            "BOOL": lambda: self.one((True, False)),
            "NULL": lambda: True,
            "L": lambda: [self.value(depth=depth + 1) for _ in range(self._pick.randint(0, 3))],
            "M": lambda: {self.one(NAMES): self.value(depth=depth + 1) for _ in range(self._pick.randint(0, 3))},
        }
        return simple[kind]()

    def key_value(self, kind: str) -> Value:
        if self.errs():
            return self.value()
        few = {"S": ("a", "b", "c"), "N": ("1", "2", "10", "-1", "1.50"), "B": BINARIES[1:]}
        return {kind: self.one(few[kind])}

    def key(self, table: str) -> Request:
        key = {name: self.key_value(kind) for name, kind in KEYS[table]}
        if self.errs():
            key.pop(self.one(list(key)))
        if self.errs():
            key["more"] = {"S": "x"}
        return key

    def item(self, table: str) -> Request:
        item = {self.one(NAMES): self.value() for _ in range(self._pick.randint(0, 5))}
        if table == "ranged":
            item.update(
                {name: self.key_value(kind) for name, kind in (("b", "S"), ("c", "N")) if self.one((True, False))}
            )
        return {**item, **self.key(table)}

    # --- expressions ---

    def name(self) -> str:
        name = self.one(NAMES)
        plain = name in ("a", "b", "c", "m", "l", "n")
        if (plain and self.one((True, False))) or self.errs():
            return str(name)
        short = f"#{len(self.names)}"
        if not self.errs():
            self.names[short] = name
        return short

    def path(self) -> str:
        text = self.name()
        for _ in range(self.one((0, 0, 0, 1, 2))):
            text += f".{self.name()}" if self.one((True, False)) else f"[{self._pick.randint(0, 2)}]"
        return text

    def target(self) -> str:
        """A path that an update may have: seldom into a key, seldom deep."""
        if self.errs():
            return self.path()
        short = f"#{len(self.names)}"
        self.names[short] = self.one(NAMES[2:])
        return f"{short}{self.one(('', '', '', '', '[0]', '.x'))}"

    def bound(self, value: Value | None = None) -> str:
        short = f":{len(self.values)}"
        if not self.errs():
            self.values[short] = value if value is not None else self.value()
        return short

    def operand(self) -> str:
        return str(self.one((self.path, self.path, self.bound, lambda: f"size({self.path()})"))())

    def condition(self, depth: int = 0) -> str:
        kinds: list[Callable[[], str]] = [
            lambda: f"{self.operand()} {self.one(('=', '<>', '<', '<=', '>', '>='))} {self.operand()}",
            lambda: f"{self.operand()} BETWEEN {self.operand()} AND {self.operand()}",
            lambda: f"{self.operand()} IN ({', '.join(self.operand() for _ in range(self._pick.randint(1, 3)))})",
            lambda: f"attribute_exists({self.path()})",
            lambda: f"attribute_not_exists({self.path()})",
            lambda: f"attribute_type({self.path()}, {self.bound({'S': self.one((*TYPES, 'X'))})})",
            lambda: f"begins_with({self.path()}, {self.bound()})",
            lambda: f"contains({self.path()}, {self.operand()})",
        ]
        if depth < 3:
            kinds += [
                lambda: f"{self.condition(depth + 1)} {self.one(('AND', 'OR', 'and'))} {self.condition(depth + 1)}",
                lambda: f"NOT {self.condition(depth + 1)}",
                lambda: f"({self.condition(depth + 1)})",
            ]
        return self.spoilt(str(self.one(kinds)()))

    def update(self) -> str:
        clauses: dict[str, Callable[[], str]] = {
            "SET": lambda: f"{self.target()} = {self._assigned()}",
            "REMOVE": self.target,
            "ADD": lambda: f"{self.target()} {self.bound(self.value(self.one(('N', 'N', 'NS', 'SS', 'S'))))}",
            "DELETE": lambda: f"{self.target()} {self.bound(self.value(self.one(('SS', 'NS', 'BS', 'S'))))}",
        }
        chosen = self._pick.sample(list(clauses), self.one((1, 1, 2)))
        return self.spoilt(
            " ".join(f"{each} {', '.join(clauses[each]() for _ in range(self.one((1, 1, 2))))}" for each in chosen)
        )

    def _assigned(self) -> str:
        return str(
            self.one(
                (
                    self.bound,
                    self.bound,
                    self.bound,
                    self.path,
                    lambda: f"{self.path()} {self.one('+-')} {self.bound(self.value('N'))}",
                    lambda: f"if_not_exists({self.path()}, {self.bound()})",
                    lambda: f"list_append({self.path()}, {self.bound(self.value('L'))})",
                    lambda: (
                        f"if_not_exists({self.path()}, {self.bound(self.value('N'))}) + {self.bound(self.value('N'))}"
                    ),
                )
            )()
        )

    def projection(self) -> str:
        return self.spoilt(", ".join(self.path() for _ in range(self._pick.randint(1, 3))))

    def key_condition(self, keys: Sequence[tuple[str, str]]) -> str:
        (name, kind), *more = keys
        text = f"{name} = {self.bound(self.key_value(kind))}"
        if more and self.one((True, False)):
            second, kind = more[0]
            one = self.bound(self.key_value(kind))
            more_kinds: list[Callable[[], str]] = [
                lambda: f"{second} {self.one(('=', '<', '<=', '>', '>=', '<>'))} {one}",
                lambda: f"{second} BETWEEN {one} AND {self.bound(self.key_value(kind))}",
                lambda: f"begins_with({second}, {one})",
            ]
            text += f" AND {self.one(more_kinds)()}"
        return self.spoilt(text)

    def spoilt(self, text: str) -> str:
        """The expression; or one with a word too few, or twice."""
        if not self.errs() or not (words := text.split(" ")):
            return text
        at = self._pick.randrange(len(words))
        words[at : at + 1] = self.one(([], [words[at]] * 2, ["("], ["frobnicate"], [""]))
        return " ".join(words)

    def told(self, request: Request) -> Request:
        """The request with what its expressions stand for."""
        if self.names:
            request["ExpressionAttributeNames"] = self.names
        if self.values:
            request["ExpressionAttributeValues"] = self.values
        return request


def operations(seed: int, count: int, mistakes: float = 0.03) -> Iterator[tuple[str, Request]]:
    """So many operations on the tables, which are made first."""
    pick = random.Random(seed)
    for name, definition in TABLES.items():
        yield "CreateTable", {"TableName": name, **definition}
    makers = list(_MAKERS)
    weights = [_MAKERS[each][0] for each in makers]
    for _ in range(count):
        name = pick.choices(makers, weights)[0]
        writer = Writer(pick, mistakes if pick.random() < 0.5 else 0.0)
        yield name, _MAKERS[name][1](writer, pick.choice(list(TABLES)))


def _put(write: Writer, table: str) -> Request:
    request = {"TableName": table, "Item": write.item(table), "ReturnValues": write.one(("NONE", "ALL_OLD"))}
    if write.one((True, False, False)):
        request["ConditionExpression"] = write.condition()
    return write.told(request)


def _get(write: Writer, table: str) -> Request:
    request: Request = {"TableName": table, "Key": write.key(table), "ConsistentRead": write.one((True, False))}
    if write.one((True, False)):
        request["ProjectionExpression"] = write.projection()
    return write.told(request)


def _update(write: Writer, table: str) -> Request:
    returned = ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
    request = {"TableName": table, "Key": write.key(table), "ReturnValues": write.one(returned)}
    request["UpdateExpression"] = write.update()
    if write.one((True, False, False)):
        request["ConditionExpression"] = write.condition()
    return write.told(request)


def _delete(write: Writer, table: str) -> Request:
    request = {"TableName": table, "Key": write.key(table), "ReturnValues": write.one(("NONE", "ALL_OLD"))}
    if write.one((True, False)):
        request["ConditionExpression"] = write.condition()
        request["ReturnValuesOnConditionCheckFailure"] = write.one(("NONE", "ALL_OLD"))
    return write.told(request)


def _query(write: Writer, table: str) -> Request:
    request: Request = {"TableName": table}
    keys = KEYS[table]
    if table == "ranged" and write.one((True, False)):
        request["IndexName"] = write.one(list(INDEX_KEYS))
        keys = INDEX_KEYS[request["IndexName"]]
    request["KeyConditionExpression"] = write.key_condition(keys)
    request["ScanIndexForward"] = write.one((True, False))
    return _read(write, request)


def _scan(write: Writer, table: str) -> Request:
    return _read(write, {"TableName": table})


def _read(write: Writer, request: Request) -> Request:
    if write.one((True, False)):
        request["FilterExpression"] = write.condition()
    if write.one((True, False, False)):
        request["ProjectionExpression"] = write.projection()
    elif write.one((True, False, False)):
        request["Select"] = write.one(("COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES"))
    return write.told(request)


def _batch_write(write: Writer, table: str) -> Request:
    kinds: list[Callable[[], Request]] = [
        lambda: {"PutRequest": {"Item": write.item(table)}},
        lambda: {"DeleteRequest": {"Key": write.key(table)}},
    ]
    return {"RequestItems": {table: [write.one(kinds)() for _ in range(write.one((1, 2, 3)))]}}


def _batch_get(write: Writer, table: str) -> Request:
    asked: Request = {"Keys": [write.key(table) for _ in range(write.one((1, 2, 3)))]}
    if write.one((True, False)):
        asked["ProjectionExpression"] = write.projection()
        if write.names:
            asked["ExpressionAttributeNames"] = write.names
    return {"RequestItems": {table: asked}}


def _transact_write(write: Writer, table: str) -> Request:
    return {"TransactItems": [_step(write) for _ in range(write.one((1, 2, 3)))]}


def _step(outer: Writer) -> Request:
    write = outer.another()
    table = write.one(list(TABLES))
    kind = write.one(("Put", "Update", "Delete", "ConditionCheck"))
    step: Request = {"TableName": table}
    step.update({"Item": write.item(table)} if kind == "Put" else {"Key": write.key(table)})
    if kind == "Update":
        step["UpdateExpression"] = write.update()
    if kind == "ConditionCheck" or write.one((True, False, False)):
        step["ConditionExpression"] = write.condition()
        step["ReturnValuesOnConditionCheckFailure"] = write.one(("NONE", "ALL_OLD"))
    return {kind: write.told(step)}


def _transact_get(write: Writer, table: str) -> Request:
    return {"TransactItems": [{"Get": {"TableName": table, "Key": write.key(table)}} for _ in range(write.one((1, 2)))]}


_MAKERS: dict[str, tuple[int, Callable[[Writer, str], Request]]] = {
    "PutItem": (25, _put),
    "UpdateItem": (25, _update),
    "GetItem": (8, _get),
    "DeleteItem": (6, _delete),
    "Query": (14, _query),
    "Scan": (8, _scan),
    "BatchWriteItem": (3, _batch_write),
    "BatchGetItem": (3, _batch_get),
    "TransactWriteItems": (6, _transact_write),
    "TransactGetItems": (2, _transact_get),
}
