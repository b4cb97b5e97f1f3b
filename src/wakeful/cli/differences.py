"""What differs between two answers: member by member where both are JSON, and line by line for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from rich.cells import chop_cells, set_cell_size

ALIGNED_MAX = 2000
"""Lines, or members of a list, that are aligned with each other. More are compared place by place."""

_SEPARATOR = {" ": " │ ", "≠": " ≠ ", "<": " < ", ">": " > "}
_GAP = "⋯"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two JSON documents. `path` is as JSONPath writes it, without the leading `$`."""

    kind: Literal["added", "removed", "changed"]
    path: str
    then: Any = None
    now: Any = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two lines that stand side by side. `mark` is " " where they are the same, "≠", "<" (gone) or ">" (new)."""

    mark: str
    then: str
    now: str


def changes(then: Any, now: Any, path: str = "") -> Iterator[Change]:
    """What must be done to `then` for it to be `now`; nothing where they are the same JSON."""
    if isinstance(then, dict) and isinstance(now, dict):
        yield from _of_members(then, now, path)
    elif isinstance(then, list) and isinstance(now, list):
        yield from _of_items(then, now, path)
    elif not is_same(then, now):
        yield Change("changed", path or "$", then, now)


def is_same(then: Any, now: Any) -> bool:
    """Whether two JSON documents are the same. True is not 1, and 1.0 is."""
    return bool(then == now) and _canonical(then) == _canonical(now)


def _canonical(value: Any) -> str:
    return json.dumps(_with_plain_numbers(value), sort_keys=True)


def _with_plain_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_plain_numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_with_plain_numbers(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _of_members(then: dict[str, Any], now: dict[str, Any], path: str) -> Iterator[Change]:
    for name in [*then, *(name for name in now if name not in then)]:
        below = f"{path}.{name}" if name.isidentifier() else f"{path}[{json.dumps(name, ensure_ascii=False)}]"
        below = below.removeprefix(".")
        if name not in now:
            yield Change("removed", below, then=then[name])
        elif name not in then:
            yield Change("added", below, now=now[name])
        else:
            yield from changes(then[name], now[name], below)


def _of_items(then: list[Any], now: list[Any], path: str) -> Iterator[Change]:
    """Items are aligned, so that one that was put in does not make all after it differ. A removed one has its old
    place, everything else its new one.
    """
    for tag, i1, i2, j1, j2 in _aligned([_canonical(each) for each in then], [_canonical(each) for each in now]):
        if tag == "equal":
            continue
        both = min(i2 - i1, j2 - j1)
        for offset in range(both):
            yield from changes(then[i1 + offset], now[j1 + offset], f"{path}[{j1 + offset}]")
        for place in range(i1 + both, i2):
            yield Change("removed", f"{path}[{place}]", then=then[place])
        for place in range(j1 + both, j2):
            yield Change("added", f"{path}[{place}]", now=now[place])


def _aligned(then: Sequence[str], now: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
    if max(len(then), len(now)) > ALIGNED_MAX:
        both = min(len(then), len(now))
        pairs = [("equal" if then[n] == now[n] else "replace", n, n + 1, n, n + 1) for n in range(both)]
        return [*pairs, ("replace", both, len(then), both, len(now))]
    return list(SequenceMatcher(None, then, now, autojunk=False).get_opcodes())


# --- side by side ----------------------------------------------------------------------------------------------------


def lines_of(body: bytes) -> list[str]:
    """A body for people: JSON with a member in each line, text as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False).splitlines()
    except ValueError:
        return printable(body.decode("utf-8", "replace")).splitlines()


def printable(text: str) -> str:
    """Nothing in it that a terminal would obey: a function's answer is anybody's text."""
    known = text.expandtabs(4).replace("\N{NO-BREAK SPACE}", " ")
    return "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in known)


def pairs(
    then: Sequence[str], now: Sequence[str], then_key: Sequence[str] | None = None, now_key: Sequence[str] | None = None
) -> list[Pair]:
    """The lines next to each other. Keys, where given, say which lines count as the same."""
    found: list[Pair] = []
    for tag, i1, i2, j1, j2 in _aligned(then_key or then, now_key or now):
        both = min(i2 - i1, j2 - j1)
        mark = " " if tag == "equal" else "≠"
        found += [Pair(mark, then[i1 + n], now[j1 + n]) for n in range(both)]
        found += [Pair("<", then[n], "") for n in range(i1 + both, i2)]
        found += [Pair(">", "", now[n]) for n in range(j1 + both, j2)]
    return found


def around_changes(rows: Sequence[Pair], context: int = 3) -> list[Pair]:
    """The pairs that differ, with some around them; what is left out is told in one line."""
    near = [
        any(each.mark != " " for each in rows[max(0, number - context) : number + context + 1])
        for number in range(len(rows))
    ]
    kept: list[Pair] = []
    left_out = 0
    for row, is_near in zip(rows, near, strict=True):
        if is_near:
            kept += [_gap(left_out)] if left_out else []
            kept.append(row)
            left_out = 0
        else:
            left_out += 1
    return [*kept, _gap(left_out)] if left_out else kept


def _gap(count: int) -> Pair:
    words = f"{_GAP} {count} equal line{'s' if count > 1 else ''}"
    return Pair(" ", words, words)


def columns(rows: Sequence[Pair], width: int) -> list[str]:
    """The pairs as text of this width: two columns, and what is too long for its column goes on below."""
    each = (width - 3) // 2
    told = []
    for row in rows:
        left, right = _folded(row.then, each), _folded(row.now, each)
        for number in range(max(len(left), len(right))):
            then = left[number] if number < len(left) else ""
            now = right[number] if number < len(right) else ""
            told.append(f"{set_cell_size(then, each)}{_SEPARATOR[row.mark]}{now}".rstrip())
    return told


def _folded(line: str, width: int) -> list[str]:
    return chop_cells(printable(line), width) or [""]
