"""What a rule's target gets to see of an event: all of it, a part, a constant, or a template filled in.

"Amazon EventBridge input transformation" has the rules; the messages are those of PutTargets. Everything that can be
known of a target beforehand is known when it is compiled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wakeful.fabric.json_tokens import JsonFault, JsonTokens, place
from wakeful.wire.errors import AwsError


class InvalidTargetInput(AwsError):
    """The input of the target is not valid."""

    code = "ValidationException"
    status = 400


class TransformFailed(Exception):
    """This event cannot be given the form that the target asks for. Trying again will not help."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """An event on its way through a rule to a target. `ingestion_time` is ISO 8601, as in the event itself."""

    event: dict[str, Any]
    rule_arn: str
    rule_name: str
    ingestion_time: str


TargetInput = Callable[[Occasion], str]
"""Makes the text that the target gets. Raises TransformFailed."""


def compile_target_input(target: Mapping[str, Any]) -> TargetInput:
    """What to send to a target, from its `Input`, `InputPath` or `InputTransformer`. Raises InvalidTargetInput."""
    target_id = target["Id"]
    given = [name for name in ("Input", "InputPath", "InputTransformer") if target.get(name) is not None]
    if len(given) > 1:
        raise InvalidTargetInput(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {target_id}."
        )
    match given:
        case ["Input"]:
            return _constant(target["Input"], target_id)
        case ["InputPath"]:
            return _part(_path(target["InputPath"], target_id))
        case ["InputTransformer"]:
            transformer = target["InputTransformer"]
            paths = {name: _path(path, target_id) for name, path in transformer.get("InputPathsMap", {}).items()}
            return _template(transformer["InputTemplate"], paths, target_id)
    return lambda occasion: _json(occasion.event)


def _constant(text: str, target_id: str) -> TargetInput:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidTargetInput(f"JSON syntax error in input for target {target_id}.") from None
    return lambda occasion: text


def _part(path: Path) -> TargetInput:
    def render(occasion: Occasion) -> str:
        found = path.find(occasion.event)
        if found is MISSING:
            raise TransformFailed(f"InputPath {path.text} matches nothing in the event.")
        return _json(found)

    return render


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# --- paths ------------------------------------------------------------------------------------------------------------

MISSING = object()
"""What a path finds where there is nothing; null is something."""

_STEP = re.compile(r"""\.([^.\[\]'"()\s*?@]+|\*)|\[([0-9]{1,9}|\*)\]""")


@dataclass(frozen=True, slots=True)
class Path:
    """A way into an event: names, array indices and `*`. EventBridge knows no quoted names and no filters."""

    text: str
    steps: tuple[str | int | None, ...]  # None is `*`

    def find(self, event: Any) -> Any:
        """The value at the path, a list of all values where the path has a `*`, or MISSING."""
        return _find(event, self.steps)


def parse_path(text: str) -> Path | None:
    """The path, or None where EventBridge does not take it."""
    if not text.startswith("$"):
        return None
    steps: list[str | int | None] = []
    at = 1
    while at < len(text):
        hit = _STEP.match(text, at)
        if hit is None:
            return None
        name, index = hit.groups()
        if "*" in (name, index):
            steps.append(None)
        else:
            steps.append(name if name is not None else int(index))
        at = hit.end()
    return Path(text, tuple(steps))


def _path(text: str, target_id: str) -> Path:
    path = parse_path(text)
    if path is None:
        raise InvalidTargetInput(f"InputPath for target {target_id} is invalid.")
    return path


def _find(value: Any, steps: tuple[str | int | None, ...]) -> Any:
    for at, step in enumerate(steps):
        if step is None:
            return _find_all(value, steps[at + 1 :])
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return MISSING
        elif not isinstance(value, list) or step >= len(value):
            return MISSING
        value = value[step]
    return value


def _find_all(value: Any, steps: tuple[str | int | None, ...]) -> Any:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return MISSING
    found: list[Any] = []
    for element in value:
        one = _find(element, steps)
        if one is MISSING:
            continue
        if None in steps:
            found.extend(one)  # a further `*` has made a list already
        else:
            found.append(one)
    return found


# --- templates --------------------------------------------------------------------------------------------------------

_PLACEHOLDER = re.compile(r"<(.*?)>")
_EVENT_JSON = "aws.events.event.json"

Value = Callable[[Occasion], Any]

_RESERVED: Mapping[str, Value] = {
    "aws.events.rule-arn": lambda occasion: occasion.rule_arn,
    "aws.events.rule-name": lambda occasion: occasion.rule_name,
    "aws.events.event.ingestion-time": lambda occasion: occasion.ingestion_time,
    "aws.events.event": lambda occasion: _without_detail(occasion.event),
    _EVENT_JSON: lambda occasion: occasion.event,
}


def _without_detail(event: dict[str, Any]) -> dict[str, Any]:
    """As AWS puts it: other order, and another name for the detail type."""
    names = ("id", "account", "detail-type", "time", "source", "region", "resources", "version")
    return {"detailType" if name == "detail-type" else name: event[name] for name in names if name in event}


@dataclass(frozen=True, slots=True)
class _Placeholder:
    name: str
    value: Value
    is_quoted: bool

    @property
    def sample(self) -> str:
        """A text of the same length that can stand where the placeholder stands."""
        return f"<{self.name}>" if self.is_quoted else "1" * (len(self.name) + 2)


def _template(template: str, paths: dict[str, Path], target_id: str) -> TargetInput:
    is_json = template.lstrip().startswith("{")
    pieces = _pieces(template, paths, target_id, is_json=is_json)
    _check_template(template, pieces, target_id, is_json=is_json)

    def render(occasion: Occasion) -> str:
        text = "".join([piece if isinstance(piece, str) else _filled(piece, occasion) for piece in pieces])
        if not is_json:
            return text
        try:
            return _json(json.loads(text))
        except (ValueError, RecursionError):
            raise TransformFailed(f"The filled in InputTemplate of target {target_id} is not valid JSON.") from None

    return render


def _pieces(template: str, paths: dict[str, Path], target_id: str, *, is_json: bool) -> list[str | _Placeholder]:
    pieces: list[str | _Placeholder] = []
    at = 0
    is_quoted = False
    for hit in _PLACEHOLDER.finditer(template):
        name = hit[1]
        before = template[at : hit.start()]
        is_quoted ^= _quotes(before) % 2 == 1
        if name in paths:
            value: Value = _at(paths[name])
        elif name in _RESERVED:
            value = _RESERVED[name]
        else:
            raise InvalidTargetInput(f"InputTemplate for target {target_id} contains invalid placeholder {name}.")
        if name == _EVENT_JSON and not is_json:
            raise InvalidTargetInput(
                f"InputTemplate for target {target_id} contains placeholder {name} valid only for JSON template."
            )
        pieces += [before, _Placeholder(name, value, is_quoted)]
        at = hit.end()
    return [*pieces, template[at:]]


def _at(path: Path) -> Value:
    return lambda occasion: path.find(occasion.event)


_ESCAPE_OR_QUOTE = re.compile(r'\\.|"', re.DOTALL)


def _quotes(text: str) -> int:
    return sum(hit[0] == '"' for hit in _ESCAPE_OR_QUOTE.finditer(text))


def _filled(placeholder: _Placeholder, occasion: Occasion) -> str:
    """What stands for a placeholder: JSON outside quotes, and within quotes text that AWS does not escape."""
    value = placeholder.value(occasion)
    if value is MISSING:
        return "" if placeholder.is_quoted else '""'
    if not placeholder.is_quoted:
        return _json(value)
    if isinstance(value, str):
        return value
    text = _json(value)
    # Quotes within a path's object or array are taken out so that it fits into a string; the whole event's are not.
    return text if placeholder.name == _EVENT_JSON else text.replace('"', "")


def _check_template(template: str, pieces: list[str | _Placeholder], target_id: str, *, is_json: bool) -> None:
    """Raises InvalidTargetInput where the template is no JSON, whatever the values will be.

    A JSON object stands alone; texts may be several, each in quotes, commonly one in a line.
    """
    # A number as long as the placeholder keeps every place, and is no name of a field.
    sample = "".join([piece if isinstance(piece, str) else piece.sample for piece in pieces])
    tokens = JsonTokens(sample)
    count = 0
    try:
        while tokens.next():
            count += tokens.depth == 0
            if count > 1 and is_json:
                raise tokens.fault("Unexpected text after the end of the object")
        if not count:
            raise tokens.fault("Unexpected end-of-input")
    except JsonFault as fault:
        at = place(template, fault.offset).removeprefix("\n at ")
        raise InvalidTargetInput(f"Invalid InputTemplate for target {target_id} : {at}.") from None
