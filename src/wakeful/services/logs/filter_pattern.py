"""Filter patterns: which log events somebody wants to see ("Filter pattern syntax").

    ERROR -"not found"                     terms that must and must not be there
    ?ERROR ?WARN                           one of these terms
    %time[d-]?out%                         a regular expression
    { $.status >= 500 && $.path = "/a*" }  events that are JSON objects
    [ip, user, ..., status = 4*, bytes]    events that are fields with spaces between

A pattern is compiled once into a function of the message. Everything is case sensitive.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from wakeful.services.logs.errors import InvalidParameterException
from wakeful.services.logs.fields_pattern import compile_fields_pattern
from wakeful.services.logs.json_pattern import compile_json_pattern
from wakeful.services.logs.pattern_text import Scanner, TestText

_TERM = re.compile(r"\w+")


@lru_cache(64)
def compile_filter_pattern(pattern: str) -> Callable[[str], bool]:
    """Whether a message is wanted. Raises InvalidParameterException for what is no pattern."""
    text = pattern.strip()
    for opening, closing, compile_inner in (("{", "}", compile_json_pattern), ("[", "]", compile_fields_pattern)):
        if text.startswith(opening):
            if not text.endswith(closing):
                raise InvalidParameterException(
                    f"If a filter pattern starts with '{opening}' it must end with '{closing}'"
                )
            return compile_inner(Scanner(text[1:-1]))
    return _compile_terms(Scanner(text))


def _compile_terms(scanner: Scanner) -> Callable[[str], bool]:
    needed: list[TestText] = []
    unwanted: list[TestText] = []
    optional: list[TestText] = []
    scanner.skip_spaces()
    while not scanner.is_at_end:
        if scanner.take("?"):
            optional.append(_term(scanner))
        elif scanner.take("-"):
            scanner.skip_spaces()  # the guide has examples of both
            unwanted.append(_term(scanner))
        else:
            needed.append(_term(scanner))
        if scanner.peek() and not scanner.peek().isspace():
            raise scanner.invalid()
        scanner.skip_spaces()
    if optional and not needed and not unwanted:
        return lambda message: any(test(message) for test in optional)
    # Beside other terms, the optional ones have no effect.
    return lambda message: all(test(message) for test in needed) and not any(test(message) for test in unwanted)


def _term(scanner: Scanner) -> TestText:
    char = scanner.peek()
    if char == "%":
        return scanner.regex().search
    if char == '"':
        term = scanner.quoted()
        if not term:
            raise InvalidParameterException("Invalid character(s) in term '\"\"'")
        if term.isspace():
            return lambda message: True
        return lambda message: term in message
    word = scanner.match(_TERM)
    if not word:
        raise scanner.invalid()
    return lambda message: word in message
