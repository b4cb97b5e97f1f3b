"""Regular expressions of filter patterns, matched in time that grows with the text and never with its contents.

"Supported regular expressions (regex) syntax" has neither groups nor references: an expression is some branches, each
a row of characters with how often each may come. All places of a branch at which a match may stand are kept as the bits
of one number, and a character of the text moves all of them at once (the extended Shift-And algorithm). So an
expression that somebody sends us cannot make a search take longer than others do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from wakeful import limits

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_#=@/;,- \t'\"<>&~`")
_ESCAPABLE = frozenset("^$?[]{}|\\*+.-/:_#=@;,()%\"'!<>&~` ")
_CLASSES: dict[str, Callable[[str], bool]] = {
    "d": lambda char: "0" <= char <= "9",
    "s": lambda char: char in " \t\n\r\f\v",
    "w": lambda char: char == "_" or (char.isascii() and char.isalnum()),
}
_TIMES = re.compile(r"\{ *([0-9]{1,4})? *(, *([0-9]{1,4})? *)?\}")

Accepts = Callable[[str], bool]


class BadRegex(ValueError):
    """This is no expression that filter patterns may have; the text is what is wrong with it."""


class Regex:
    """Whether a text has a part that the expression describes."""

    def __init__(self, source: str) -> None:
        """Raises BadRegex."""
        places = _Places()
        for branch in _Reader(source).branches():
            places.add(branch)
        self._places = places
        self._first = places.skipped(places.at_beginning | places.anywhere)
        self._moves: dict[tuple[int, str], int] = {}

    def search(self, text: str) -> bool:
        places, moves = self._places, self._moves
        goals = places.goals
        here = self._first
        for number, char in enumerate(text):
            if here & goals:
                return True
            if number == len(text) - 1 and char == "\n" and here & places.goals_at_end:
                return True
            known = moves.get((here, char))
            if known is None:
                if len(moves) >= limits.LOGS_REGEX_MOVES_MAX:
                    moves.clear()
                known = moves[here, char] = places.moved(here, char)
            here = known
        return bool(here & (goals | places.goals_at_end))


@lru_cache(limits.LOGS_REGEXES_MAX)
def compile_regex(source: str) -> Regex:
    """Raises BadRegex."""
    return Regex(source)


@dataclass(frozen=True, slots=True)
class _Part:
    """A character of a branch. One that `repeats` may come again and again."""

    accepts: Accepts
    is_optional: bool
    repeats: bool


@dataclass(frozen=True, slots=True)
class _Branch:
    parts: list[_Part]
    is_at_beginning: bool
    is_at_end: bool


class _Places:
    """The branches side by side in one number. Bit k is set when a match has come as far as place k.

    A branch begins with a place that nothing needs to have been read for; each of its parts adds one.
    """

    def __init__(self) -> None:
        self.at_beginning = 0  # where branches start that are for the beginning of the text
        self.anywhere = 0  # and those that may start at every character
        self.goals = 0
        self.goals_at_end = 0
        self._parts: list[tuple[int, _Part]] = []
        self._count = 0
        # Runs of places that may be skipped: all of them, the one before each run, the last of each.
        self._optional = 0
        self._before_runs = 0
        self._run_ends = 0
        self._accepting: dict[str, tuple[int, int]] = {}

    def add(self, branch: _Branch) -> None:
        start = 1 << self._count
        if branch.is_at_beginning:
            self.at_beginning |= start
        else:
            self.anywhere |= start
        was_optional = False
        for number, part in enumerate(branch.parts):
            place = start << (number + 1)
            self._parts.append((place, part))
            if part.is_optional:
                self._optional |= place
                if was_optional:
                    self._run_ends &= ~(place >> 1)
                else:
                    self._before_runs |= place >> 1
                self._run_ends |= place
            was_optional = part.is_optional
        self._count += len(branch.parts) + 1
        if self._count > limits.LOGS_REGEX_PLACES_MAX:
            raise BadRegex("the expression is too large")
        last = 1 << (self._count - 1)
        if branch.is_at_end:
            self.goals_at_end |= last
        else:
            self.goals |= last

    def moved(self, here: int, char: str) -> int:
        """The places after one more character."""
        accepting = self._accepting.get(char)
        if accepting is None:
            accepting = self._accepting[char] = self._accepting_of(char)
        steps, stays = accepting
        return self.skipped((here << 1) & steps | here & stays | self.anywhere)

    def skipped(self, here: int) -> int:
        """The places, and those reached from them by leaving out what may be left out."""
        if not self._optional:
            return here
        # Subtracting borrows upwards to the lowest place reached in each run, and so tells the places above it.
        guarded = here | self._run_ends
        return here | self._optional & (~(guarded - self._before_runs) ^ guarded)

    def _accepting_of(self, char: str) -> tuple[int, int]:
        if len(self._accepting) >= limits.LOGS_REGEX_MOVES_MAX:
            self._accepting.clear()
        steps = stays = 0
        for place, part in self._parts:
            if part.accepts(char):
                steps |= place
                if part.repeats:
                    stays |= place
        return steps, stays


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        if not source:
            raise BadRegex("the expression is empty")

    def branches(self) -> list[_Branch]:
        """Those that can match at all: `^` is first in a branch, and `$` last."""
        branches = [self._branch()]
        while self._at < len(self._source):
            self._at += 1  # over the "|"
            branches.append(self._branch())
        return [branch for branch in branches if branch is not None]

    def _branch(self) -> _Branch | None:
        parts: list[_Part] = []
        is_at_beginning = is_at_end = False
        is_possible = True
        while self._at < len(self._source) and self._source[self._at] != "|":
            accepts = self._part()
            least, most = self._times()
            if isinstance(accepts, str) and (least, most) != (1, 1):
                raise BadRegex(f"{accepts} cannot be repeated")
            if accepts == "^":
                is_possible = is_possible and not parts and not is_at_end
                is_at_beginning = True
            elif accepts == "$":
                is_at_end = True
            elif not isinstance(accepts, str):
                is_possible = is_possible and not is_at_end
                parts += _parts(accepts, least, most)
        return _Branch(parts, is_at_beginning, is_at_end) if is_possible else None

    def _part(self) -> Accepts | str:
        """What one character must be; or "^", "$"."""
        char = self._next()
        if char in "^$":
            return char
        if char == ".":
            return lambda text: text != "\n"
        if char == "[":
            return self._class()
        if char == "\\":
            return self._escaped()
        if char in "*+?":
            raise BadRegex(f"there is nothing that {char} could repeat")
        if char not in _PLAIN:
            raise BadRegex(f"{char} is not supported")
        return lambda text: text == char

    def _next(self) -> str:
        if self._at >= len(self._source):
            raise BadRegex("the expression ends too early")
        char = self._source[self._at]
        self._at += 1
        return char

    def _escaped(self) -> Accepts:
        char = self._next()
        if char == "x":
            return _is(self._hexadecimal())
        accepts = _CLASSES.get(char.lower())
        if accepts is not None:
            return accepts if char.islower() else _none_of([accepts])
        literal = {"t": "\t", "n": "\n", "r": "\r"}.get(char, char)
        if literal == char and char not in _ESCAPABLE:
            raise BadRegex(f"\\{char} is not supported")
        return _is(literal)

    def _hexadecimal(self) -> str:
        digits = self._source[self._at : self._at + 2]
        if not re.fullmatch("[0-9A-Fa-f]{2}", digits):
            raise BadRegex("\\x wants two hexadecimal digits")
        self._at += 2
        return chr(int(digits, 16))

    def _class(self) -> Accepts:
        is_negated = self._source.startswith("^", self._at)
        self._at += is_negated
        members: list[Accepts] = []
        is_first = True
        while True:
            char = self._next()
            if char == "]" and not is_first:
                return _none_of(members) if is_negated else _any_of(members)
            is_first = False
            low = self._class_member(char)
            is_range = self._source.startswith("-", self._at) and self._source[self._at + 1 : self._at + 2] != "]"
            if not is_range or not isinstance(low, str):
                members.append(_is(low) if isinstance(low, str) else low)
                continue
            self._at += 1
            high = self._class_member(self._next())
            if not isinstance(high, str) or high < low:
                raise BadRegex("the range of characters has no order")
            members.append(_between(low, high))

    def _class_member(self, char: str) -> Accepts | str:
        if char != "\\":
            return char
        char = self._next()
        if char == "x":
            return self._hexadecimal()
        accepts = _CLASSES.get(char.lower())
        if accepts is not None:
            return accepts if char.islower() else _none_of([accepts])
        return {"t": "\t", "n": "\n", "r": "\r"}.get(char, char)

    def _times(self) -> tuple[int, int | None]:
        char = self._source[self._at : self._at + 1]
        if char and char in "*+?":
            self._at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        if char != "{":
            return 1, 1
        hit = _TIMES.match(self._source, self._at)
        if hit is None or not (hit[1] or hit[3]):
            raise BadRegex("{ wants how often, as in {2,5}")
        self._at = hit.end()
        least = int(hit[1] or 0)
        most = int(hit[3]) if hit[3] else None if hit[2] else least
        if most is not None and most < least:
            raise BadRegex("the repetition has no order")
        return least, most


def _parts(accepts: Accepts, least: int, most: int | None) -> list[_Part]:
    if max(least, most or 0) > limits.LOGS_REGEX_PLACES_MAX:
        raise BadRegex("the expression is too large")
    if most is None:
        needed = [_Part(accepts, False, False)] * (least - 1)
        return [*needed, _Part(accepts, least == 0, True)]
    return [_Part(accepts, False, False)] * least + [_Part(accepts, True, False)] * (most - least)


def _is(wanted: str) -> Accepts:
    return lambda char: char == wanted


def _between(low: str, high: str) -> Accepts:
    return lambda char: low <= char <= high


def _any_of(members: list[Accepts]) -> Accepts:
    return lambda char: any(accepts(char) for accepts in members)


def _none_of(members: list[Accepts]) -> Accepts:
    return lambda char: not any(accepts(char) for accepts in members)
