"""The grammar of expressions. No depth of nesting exhausts the stack: what is open is kept in lists."""

from __future__ import annotations

from typing import NoReturn

from wakeful import limits
from wakeful.services.dynamodb.expressions.tokens import END, KEYWORD, NAME, NUMBER, VALUE, WORD, Token, refused, tokens
from wakeful.services.dynamodb.expressions.tree import (
    Action,
    Attribute,
    Both,
    Call,
    Comparison,
    Condition,
    Not,
    Operand,
    Placeholder,
    Section,
    Sum,
)

_COMPARATORS = frozenset(("=", "<>", "<", "<=", ">", ">="))
_BINDS = {"OR": 1, "AND": 2, "NOT": 3, "(": 0}


def condition(text: str, called: str) -> Condition:
    """Of a ConditionExpression, FilterExpression or KeyConditionExpression. Raises ValidationException."""
    reader = _Reader(text, called)
    found = reader.condition()
    reader.end()
    return found


def projection(text: str) -> tuple[Attribute, ...]:
    reader = _Reader(text, "ProjectionExpression")
    found = [reader.path()]
    while reader.took(","):
        found.append(reader.path())
    reader.end()
    return tuple(found)


def update(text: str) -> tuple[Section, ...]:
    """In the order in which they stand, some perhaps twice."""
    reader = _Reader(text, "UpdateExpression")
    found = [reader.section()]
    while reader.token.kind != END:
        found.append(reader.section())
    return tuple(found)


class _Reader:
    """Goes through the tokens of one text."""

    def __init__(self, text: str, called: str) -> None:
        self._text = text
        self._called = called
        self._tokens = tokens(text, called)
        self._at = 0
        self._parenthesised: tuple[int, int] | None = None  # which tokens the pair was that closed last

    @property
    def token(self) -> Token:
        return self._tokens[self._at]

    def took(self, what: str) -> bool:
        """Whether it was there, and is behind us."""
        if self._tokens[self._at].is_ != what:
            return False
        self._at += 1
        return True

    def expect(self, what: str) -> None:
        if not self.took(what):
            self.fail()

    def end(self) -> None:
        if self.token.kind != END:
            self.fail()

    def fail(self) -> NoReturn:
        """The token that is next does not belong there."""
        near = self._tokens[max(self._at - 1, 0) : self._at + 2]
        raise refused(
            self._called,
            f'Syntax error; token: "{self.token.text}", near: "{self._text[near[0].start : near[-1].end]}"'
            if len(near) > 1
            else f'Syntax error; token: "<EOF>", near: "{self._text}"',
        )

    # --- operands ----------------------------------------------------------------------------------------------------

    def path(self) -> Attribute:
        parts: list[str | int] = [self._part()]
        while True:
            if self.took("."):
                parts.append(self._part())
            elif self.took("["):
                if self.token.kind != NUMBER:
                    self.fail()
                parts.append(int(self._next().text))
                self.expect("]")
            else:
                return Attribute(tuple(parts))

    def operand(self) -> Operand:
        """A path, a value, a function of operands; any of them in parentheses."""
        opened: list[int | tuple[str, list[Operand]]] = []  # parentheses and calls around what is read
        while True:
            self._open(opened)
            found = self._simple()
            while opened:
                around = opened[-1]
                if isinstance(around, int):
                    self.close(around)
                else:
                    around[1].append(found)
                    if self.took(","):
                        break
                    self.expect(")")
                    found = Call(around[0], tuple(around[1]))
                opened.pop()
            else:
                return found

    def _open(self, opened: list[int | tuple[str, list[Operand]]]) -> None:
        while True:
            if self.token.is_ == "(":
                opened.append(self._at)
                self._at += 1
            elif self.token.kind == WORD and self._tokens[self._at + 1].is_ == "(":
                opened.append((self.token.text, []))
                self._at += 2
            else:
                return
            if len(opened) > limits.DYNAMODB_EXPRESSION_DEPTH_MAX:
                raise refused(self._called, too_many_operators())

    def _simple(self) -> Operand:
        return Placeholder(self._next().text) if self.token.kind == VALUE else self.path()

    def close(self, opened: int) -> None:
        """The parenthesis that was opened there; it must hold more than another pair."""
        closed = self._at
        self.expect(")")
        if self._parenthesised == (opened + 1, closed - 1):
            raise refused(self._called, "The expression has redundant parentheses;")
        self._parenthesised = (opened, closed)

    def _part(self) -> str:
        if self.token.kind not in (WORD, NAME):
            self.fail()
        return self._next().text

    def _next(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]

    # --- conditions --------------------------------------------------------------------------------------------------

    def condition(self) -> Condition:
        """By precedence, with a list of what waits for its right side: operators, and parentheses by their place."""
        waiting: list[tuple[str, int]] = []
        left: list[Condition] = []
        while True:
            self._prefixes(waiting)
            found: Operand | Condition = self.operand()
            while True:
                if isinstance(found, (Attribute, Placeholder, Call)) and (compared := self._comparison(found)):
                    found = compared
                elif waiting and waiting[-1][0] == "(" and self.token.is_ == ")":
                    self.close(waiting.pop()[1])
                elif isinstance(found, (Attribute, Placeholder)):
                    self.fail()
                elif waiting and self._ends(waiting[-1][0]):
                    found = _joined(waiting.pop()[0], found, left)
                else:
                    break
            if self.token.is_ not in ("AND", "OR"):
                if waiting:
                    self.fail()
                return found
            left.append(found)
            waiting.append((self.token.is_, self._at))
            self._at += 1

    def _prefixes(self, waiting: list[tuple[str, int]]) -> None:
        while self.token.is_ in ("NOT", "("):
            waiting.append((self.token.is_, self._at))
            self._at += 1

    def _ends(self, operator: str) -> bool:
        """Whether what comes next binds no more than the operator that waits."""
        return operator != "(" and _BINDS.get(self.token.is_, 0) <= _BINDS[operator]

    def _comparison(self, left: Operand) -> Comparison | None:
        operator = self.token.is_
        if operator in _COMPARATORS:
            self._at += 1
            return Comparison(operator, (left, self.operand()))
        if self.took("BETWEEN"):
            low = self.operand()
            self.expect("AND")
            return Comparison("BETWEEN", (left, low, self.operand()))
        if self.took("IN"):
            self.expect("(")
            among = [self.operand()]
            while self.took(","):
                among.append(self.operand())
            self.expect(")")
            return Comparison("IN", (left, *among))
        return None

    # --- updates -----------------------------------------------------------------------------------------------------

    def section(self) -> Section:
        token = self.token
        if token.kind != KEYWORD or token.is_ not in ("SET", "REMOVE", "ADD", "DELETE"):
            self.fail()
        self._at += 1
        found = [self._action(token.is_)]
        while self.took(","):
            found.append(self._action(token.is_))
        return Section(token.is_, tuple(found))

    def _action(self, section: str) -> Action:
        target = self.path()
        if section == "SET":
            self.expect("=")
            return Action(section, target, self._value())
        if section == "REMOVE":
            return Action(section, target, None)
        if self.token.kind != VALUE:
            self.fail()
        return Action(section, target, Placeholder(self._next().text))

    def _value(self) -> Operand | Sum:
        """An operand or a sum of two, which may be in parentheses as a whole."""
        opened: list[int] = []
        while self.token.is_ == "(":
            opened.append(self._at)
            self._at += 1
        found: Operand | Sum = self.operand()
        while True:
            if opened and self.token.is_ == ")":
                self.close(opened.pop())
            elif not isinstance(found, Sum) and self.token.is_ in ("+", "-"):
                found = Sum(self._next().is_, found, self.operand())
            elif opened:
                self.fail()
            else:
                return found


def too_many_operators() -> str:
    return f"The expression contains too many operators; operator count: {limits.DYNAMODB_EXPRESSION_OPERATORS_MAX + 1}"


def _joined(operator: str, found: Condition, left: list[Condition]) -> Condition:
    return Not(found) if operator == "NOT" else Both(operator, left.pop(), found)
