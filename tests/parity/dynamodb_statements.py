"""Random statements of PartiQL."""

from __future__ import annotations

from collections.abc import Callable

from tests.parity.dynamodb_tables import INDEX_KEYS, KEYS
from tests.parity.dynamodb_writer import NAMES, Request, Value, Writer

_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")


class Statement:
    """Writes one statement. Values are written into it, or are its parameters, in their order."""

    def __init__(self, write: Writer, table: str) -> None:
        self._write = write
        self._table = table
        self._with_parameters = write.one((True, False))
        self._parameters: list[Value] = []

    def select(self) -> Request:
        index = ""
        keys = KEYS[self._table]
        if self._table == "ranged" and self._write.seldom():
            name = self._write.one(("by-b", "by-c", "local-c"))
            index, keys = f'."{name}"', INDEX_KEYS[name]
        what = self._write.one(("*", "*", *(f'"{each}"' for each in NAMES[:4]), 'a, "m"', '"m"."a"', '"l"[0]'))
        where = self._write.one((self._condition, lambda: self._key(keys), lambda: self._key(keys[:1])))
        text = f'SELECT {what} FROM "{self._table}"{index}'
        if self._write.one((True, True, False)):
            text += f" WHERE {where()}"
        return self._said(text)

    def change(self) -> Request:
        """A statement that writes."""
        return self._write.one((self.insert, self.update, self.delete))()  # type: ignore[no-any-return]

    def insert(self) -> Request:
        pairs = ", ".join(f"{_quoted(name)}: {self._value(value)}" for name, value in self._item().items())
        return self._said(f'INSERT INTO "{self._table}" VALUE {{{pairs}}}')

    def update(self) -> Request:
        clauses: list[Callable[[], str]] = [
            lambda: f"SET {self._path()} = {self._value(self._write.value())}",
            lambda: f"SET {self._path()} = {self._path()} + {self._value(self._write.value('N'))}",
            lambda: f"SET {self._path()} = list_append({self._path()}, {self._value(self._write.value('L'))})",
            lambda: f"SET {self._path()} = set_add({self._path()}, {self._value(self._write.value('NS'))})",
            lambda: f"REMOVE {self._path()}",
        ]
        changed = " ".join(self._write.one(clauses)() for _ in range(self._write.one((1, 1, 2))))
        text = f'UPDATE "{self._table}" {changed} WHERE {self._key(KEYS[self._table])}'
        if self._write.seldom():
            text += f" AND {self._condition()}"
        return self._said(f"{text}{self._returning(('ALL OLD', 'ALL NEW', 'MODIFIED OLD', 'MODIFIED NEW'))}")

    def delete(self) -> Request:
        text = f'DELETE FROM "{self._table}" WHERE {self._key(KEYS[self._table])}'
        if self._write.seldom():
            text += f" AND {self._condition()}"
        return self._said(f"{text}{self._returning(('ALL OLD',))}")

    def exists(self) -> Request:
        return self._said(
            f'EXISTS(SELECT * FROM "{self._table}" WHERE {self._key(KEYS[self._table])} AND {self._condition()})'
        )

    def _item(self) -> dict[str, Value]:
        return self._write.item(self._table)

    def _returning(self, which: tuple[str, ...]) -> str:
        return f" RETURNING {self._write.one(which)} *" if self._write.one((True, False)) else ""

    def _key(self, keys: tuple[tuple[str, str], ...]) -> str:
        return " AND ".join(f'"{name}" = {self._value(self._write.key_value(kind))}' for name, kind in keys)

    def _path(self) -> str:
        return f'"{self._write.one(NAMES[3:])}"{self._write.one(("", "", "", "[0]", ".x"))}'

    def _condition(self, depth: int = 0) -> str:
        kinds: list[Callable[[], str]] = [
            lambda: f"{self._path()} {self._write.one(_COMPARISONS)} {self._value(self._write.value())}",
            lambda: f"{self._path()} BETWEEN {self._value({'N': '1'})} AND {self._value({'N': '5'})}",
            lambda: f"{self._path()} IN [{self._value(self._write.value('N'))}, {self._value(self._write.value('S'))}]",
            lambda: f"{self._path()} IS {self._write.one(('', 'NOT '))}MISSING",
            lambda: f"{self._path()} IS NULL",
            lambda: f"begins_with({self._path()}, {self._value(self._write.value('S'))})",
            lambda: f"contains({self._path()}, {self._value(self._write.value('S'))})",
            lambda: f"attribute_type({self._path()}, {self._value({'S': 'N'})})",
            lambda: f"size({self._path()}) > {self._value({'N': '1'})}",
        ]
        if depth < 2:
            kinds += [
                lambda: f"{self._condition(depth + 1)} {self._write.one(('AND', 'OR'))} {self._condition(depth + 1)}",
                lambda: f"NOT {self._condition(depth + 1)}",
                lambda: f"({self._condition(depth + 1)})",
            ]
        return str(self._write.one(kinds)())

    def _value(self, value: Value) -> str:
        if self._with_parameters or (literal := _literal(value)) is None:
            self._parameters.append(value)
            return "?"
        return literal

    def _said(self, text: str) -> Request:
        said: Request = {"Statement": self._write.spoilt(text)}
        if self._parameters:
            said["Parameters"] = self._parameters
        return said


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _literal(value: Value) -> str | None:
    """The value as PartiQL writes it, where it can be written."""
    match value:
        case {"S": str(text)} if "\0" not in text:
            return _quoted(text)
        case {"N": "1" | "2" | "10" | "-1" | "1.50" | "0.001" | "1.0" as number}:
            return str(number)
        case {"BOOL": bool(truth)}:
            return "true" if truth else "false"
        case {"NULL": True}:
            return "NULL"
        case {"SS": list(texts)} if texts:
            return f"<<{', '.join(_quoted(each) for each in texts)}>>"
        case {"L": list(members)}:
            inner = [_literal(each) for each in members if isinstance(each, dict)]
            return None if len(inner) < len(members) or None in inner else f"[{', '.join(map(str, inner))}]"
    return None
