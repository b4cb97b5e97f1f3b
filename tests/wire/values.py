"""Random valid values for any shape of a model, the same ones for the same seed."""

from __future__ import annotations

import random
import string
from datetime import UTC, datetime
from typing import Any

from wakeful.wire.model import Shape, members_of

TEXTS = ("a", "ä€𝄞", " x ", "<&>\"'", "a\r\nb\tc", "%41+ /~", "]]>", "\\u0041", "null", "x" * 40)
HEADER_TEXTS = ("a", "x-y.z", "text/plain; charset=utf-8", "a b", '"quoted"', "100%", "ABC=")
LABEL_TEXTS = ("a", "a b", "ä€", "x+y", "100%", "a&b=c", "...", "A~_-.z")
GREEDY_TEXTS = (*LABEL_TEXTS, "a/b", "a//b", "/a", "a/", "../a", "//", "a/./b", "%2F")
LETTERS = string.ascii_letters + string.digits
DEPTH_MAX = 4


class Values:
    """`value` makes one. Datetimes are whole seconds, so that every format of the wire can carry them."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)

    def value(self, shape: Shape, depth: int = 0) -> Any:
        kind = shape.type_name
        if kind == "structure":
            return self.structure(shape, depth)
        if kind == "list":
            return [self.value(shape.member, depth + 1) for _ in range(self.count(shape))]
        if shape.serialization.get("location") == "headers":
            return {f"name-{number}": self.random.choice(HEADER_TEXTS) for number in range(self.count(shape))}
        if kind == "map":
            return {key: self.value(shape.value, depth + 1) for key in self.keys(shape)}
        return self.scalar(shape)

    def structure(self, shape: Shape, depth: int = 0) -> dict[str, Any]:
        members = members_of(shape)
        required = set(shape.required_members)
        if shape.metadata.get("union"):
            name = self.random.choice(list(members))
            return {name: self.value(members[name], depth + 1)}
        found = {}
        for name, member in members.items():
            chance = 0.0 if depth >= DEPTH_MAX else 0.7 if depth == 0 else 0.5
            if member.serialization.get("location") == "statusCode":
                chance = 1.0  # whoever reads the answer always finds one
            if name in required or self.random.random() < chance:
                found[name] = self.value(member, depth + 1)
        if not found and members and depth < DEPTH_MAX:
            name = self.random.choice(list(members))
            found[name] = self.value(members[name], depth + 1)
        return found

    def scalar(self, shape: Shape) -> Any:
        kind = shape.type_name
        if kind == "timestamp":
            return datetime.fromtimestamp(self.random.randrange(0, 4_000_000_000), UTC)
        if kind == "blob":
            return self.random.randbytes(self.random.choice((0, 1, 2, 3, 50)))
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind in ("integer", "long"):
            if shape.serialization.get("location") == "statusCode":
                return self.random.choice((200, 202, 204))
            low = int(shape.metadata.get("min", -5))
            return self.random.randint(low, max(low, int(shape.metadata.get("max", low + 1000))))
        if kind in ("float", "double"):
            least = float(shape.metadata.get("min", -5))
            return round(self.random.uniform(least, float(shape.metadata.get("max", least + 1000))), 3)
        if shape.serialization.get("jsonvalue"):
            return {"a": [1, None, "x"]}
        return self.text(shape)

    def text(self, shape: Shape) -> str:
        if shape.metadata.get("enum"):
            return str(self.random.choice(shape.metadata["enum"]))
        if shape.serialization.get("hostLabel"):
            return "route-1.a"
        texts = {"header": HEADER_TEXTS, "uri": LABEL_TEXTS}.get(str(shape.serialization.get("location", "")), TEXTS)
        if shape.serialization.get("location") == "uri" and shape.serialization.get("name") == "Key":
            texts = GREEDY_TEXTS
        text = self.random.choice(texts)
        text += "x" * (int(shape.metadata.get("min", 0)) - len(text))
        return text[: int(shape.metadata.get("max", len(text)))]

    def keys(self, shape: Shape) -> set[str]:
        key: Shape = shape.key
        if key.metadata.get("enum"):
            return {self.value(key) for _ in range(self.count(shape))}
        return {f"{number}{self.text(key)}"[: int(key.metadata.get("max", 99))] for number in range(self.count(shape))}

    def count(self, shape: Shape) -> int:
        least = int(shape.metadata.get("min", 1))
        return min(max(1, least, self.random.choice((1, 1, 2, 3))), max(1, int(shape.metadata.get("max", 99))))
