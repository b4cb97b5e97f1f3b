"""A request's expressions against one item, as the operations ask them; errors as their messages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions import asked
from wakeful.services.dynamodb.keys import Attribute, KeySchema
from wakeful.services.dynamodb.values import Item

KEYS = KeySchema((Attribute("p", "S"),), (Attribute("r", "S"),))

ITEM: Item = {
    "p": {"S": "a"},
    "r": {"S": "b"},
    "n": {"N": "5"},
    "s": {"S": "hello"},
    "l": {"L": [{"N": "1"}, {"S": "x"}, {"M": {"k": {"S": "v"}}}]},
    "m": {"M": {"k": {"N": "1"}, "d": {"M": {"e": {"S": "f"}}}}},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "b": {"B": "eHl6"},
    "t": {"BOOL": True},
    "z": {"NULL": True},
}

VALUES: Item = {
    ":a": {"N": "1"},
    ":two": {"N": "2"},
    ":three": {"N": "3"},
    ":five": {"N": "5"},
    ":s": {"S": "x"},
    ":ell": {"S": "ell"},
    ":type": {"S": "N"},
    ":empty": {"S": ""},
    ":b": {"B": "eHk="},
    ":l": {"L": [{"N": "5"}]},
    ":m": {"M": {}},
    ":ss": {"SS": ["a"]},
    ":ns": {"NS": ["1"]},
    ":t": {"BOOL": True},
    ":z": {"NULL": True},
    ":p": {"S": "a"},
    ":r": {"S": "b"},
}


def refusals(section: str) -> tuple[tuple[str, str], ...]:
    """Texts and what is said to them, from `refusals.tsv`."""
    lines = (Path(__file__).parent / "refusals.tsv").read_text().split(f"\n# {section}\n")[1].split("\n\n")[0]
    return tuple((text, why) for text, why in (line.split("\t") for line in lines.splitlines()))


def used(*texts: str, names: dict[str, str] | None = None) -> dict[str, Any]:
    """The placeholders of VALUES that the texts have, and these names."""
    found = {each for text in texts for each in re.findall(r":\w+", text)}
    request: dict[str, Any] = {}
    if values := {name: value for name, value in VALUES.items() if name in found}:
        request["ExpressionAttributeValues"] = values
    if names:
        request["ExpressionAttributeNames"] = names
    return request


def refusal(operation: str, request: dict[str, Any], *, keys: KeySchema = KEYS) -> str:
    """What is said to it; nothing is said to what is right."""
    try:
        found = asked(operation, request, keys)
        if found.update is not None:
            found.update.apply(ITEM)
    except ValidationException as error:
        return error.message
    return ""


def holds(text: str, item: Item | None = ITEM, **names: str) -> bool:
    given = {f"#{name}": value for name, value in names.items()}
    found = asked("PutItem", {"ConditionExpression": text, **used(text, names=given)}, KEYS)
    assert found.condition is not None
    return found.condition.holds(item)


def updated(text: str, item: Item = ITEM, **names: str) -> Item:
    given = {f"#{name}": value for name, value in names.items()}
    found = asked("UpdateItem", {"UpdateExpression": text, **used(text, names=given)}, KEYS)
    assert found.update is not None
    return found.update.apply(item)


def projected(text: str, item: Item = ITEM, **names: str) -> Item:
    given = {f"#{name}": value for name, value in names.items()}
    found = asked("GetItem", {"ProjectionExpression": text, **used(names=given)}, KEYS)
    assert found.projection is not None
    return found.projection.of(item)
