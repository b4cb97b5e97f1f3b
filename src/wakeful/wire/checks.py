"""Whether a request keeps what the model says of its values; if not, the service's own error in its own words.

What is checked here (required members, lengths, ranges, patterns, enums) no handler needs to check again. SQS says
which parameter is missing, S3 that the XML is malformed; all others list what is wrong as AWS's framework does:
`1 validation error detected: Value 'x' at 'name' failed to satisfy constraint: Member must …`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from wakeful import limits
from wakeful.wire import sqs_query
from wakeful.wire.errors import (
    AwsError,
    InvalidArgument,
    InvalidParameterException,
    MalformedXML,
    MissingRequestBodyError,
    MissingRequiredParameterException,
    ValidationError,
    ValidationException,
)
from wakeful.wire.knots import Knots
from wakeful.wire.model import OperationModel, Shape, members_of, wire_name
from wakeful.wire.patterns import compile_pattern
from wakeful.wire.target import Check, Target

Path = tuple["Path | None", str]  # linked, so that a path costs nothing until something is wrong at its end
Violation = tuple[Path, str]  # where, and what the framework says of it
Found = list[Violation]
Look = Callable[[Any, Path, Found], None]
Rule = tuple[Callable[[Any], bool], str]

# What the model says and the service does not mind: (service, shape) and why.
NOT_ENFORCED: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("lambda", "Runtime"): "Lambda answers InvalidParameterValueException, and takes ARNs as well",
        ("iam", "policyDocumentType"): "IAM answers MalformedPolicyDocument to odd characters, after parsing",
        ("sts", "sessionPolicyDocumentType"): "STS answers MalformedPolicyDocument to odd characters, after parsing",
        ("sts", "unrestrictedSessionPolicyDocumentType"): "as above",
    }
)

_ERRORS: Mapping[str, type[AwsError]] = MappingProxyType(
    {
        "cloudwatch": ValidationError,
        "events": ValidationException,
        "iam": ValidationError,
        "lambda": ValidationException,
        "logs": InvalidParameterException,
        "sns": ValidationError,
        "sts": ValidationError,
    }
)

# IAM does not repeat what it was given; it might be a secret.
_DISCREET = frozenset({"iam"})

# IAM explains its commonest patterns instead of showing them.
_IAM_PATTERNS: Mapping[str, str] = MappingProxyType(
    {
        r"[\w+=,.@-]+": "It must contain only alphanumeric characters and/or the following: +=,.@_-",
        r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)": (
            "It must begin and end with / and contain only alphanumeric characters and/or / characters."
        ),
    }
)


def check(target: Target, request: dict[str, Any]) -> None:
    """Raises the service's validation error unless the request is as the model has it."""
    assert target.operation is not None
    target.operation.check(request)


def compile_check(service: str, operation: OperationModel) -> Check:
    shape = operation.input_shape
    if shape is None:
        return lambda request: None
    if service == "sqs":
        return _sqs_check(shape)
    if service == "s3":
        return _s3_check(shape)
    return _framework_check(service, shape)


# --- as AWS's framework does it ---


def _framework_check(service: str, shape: Shape) -> Check:
    look = _Looks(service).structure(shape)
    error = _ERRORS.get(service, ValidationException)

    def check_all(request: dict[str, Any]) -> None:
        found: Found = []
        look(request, (None, ""), found)
        if found:
            raise error(_sentence(service, found))

    return check_all


def _sentence(service: str, found: Found) -> str:
    if service == "iam":
        for (_, name), complaint in found:
            explained = _IAM_PATTERNS.get(complaint.partition("regular expression pattern: ")[2])
            if explained is not None and len(found) == 1:
                return f"The specified value for {name} is invalid. {explained}"
    told = "; ".join(complaint for _, complaint in found[: limits.VALIDATION_ERRORS_MAX])
    return f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: {told}"


class _Looks:
    """Compiles one service's shapes into functions that look for violations."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._knots: Knots[Look] = Knots()

    def structure(self, shape: Shape) -> Look:
        return self._knots.tie(shape.name, lambda: self._structure(shape))

    def _structure(self, shape: Shape) -> Look:
        members = members_of(shape)
        required = frozenset(shape.required_members)
        is_union = bool(shape.metadata.get("union"))
        looks: list[tuple[str, str, bool, Look | None]] = []
        for name, member in members.items():
            look = self._look(member)
            if look is not None or name in required:
                looks.append((name, _camel(name), name in required, look))

        def look_at(value: Mapping[str, Any], path: Path, found: Found) -> None:
            for name, step, is_required, look in looks:
                item = value.get(name)
                if item is None:
                    if is_required:
                        where: Path = (path, step)
                        found.append((where, self._complaint(None, where, "Member must not be null")))
                elif look is not None:
                    look(item, (path, step), found)
            if is_union and len(value) != 1:
                found.append((path, self._complaint(value, path, "Member must have exactly one of its fields set")))

        return look_at

    def _look(self, shape: Shape) -> Look | None:
        """None where every value will do."""
        kind = shape.type_name
        if shape.is_as_sent:
            return None
        if kind == "structure":
            return self.structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        rules = self._rules(shape)
        return self._apply(rules, is_secret=bool(shape.metadata.get("sensitive"))) if rules else None

    def _rules(self, shape: Shape) -> list[Rule]:
        if (self._service, shape.name) in NOT_ENFORCED:
            return []
        return list(_rules(shape))

    def _apply(self, rules: list[Rule], *, is_secret: bool) -> Look:
        def look_at(value: Any, path: Path, found: Found) -> None:
            for is_kept, text in rules:
                if not is_kept(value):
                    found.append((path, self._complaint(value, path, text, is_secret=is_secret)))

        return look_at

    def _list(self, shape: Shape) -> Look | None:
        size = self._rules(shape)
        member: Shape = shape.member
        is_secret = bool(shape.metadata.get("sensitive") or member.metadata.get("sensitive"))
        apply_size = self._apply(size, is_secret=is_secret)
        scalar = self._each(member) if member.type_name not in ("structure", "list", "map") else None
        look = self._look(member) if scalar is None else None

        def look_at(value: list[Any], path: Path, found: Found) -> None:
            if size:
                apply_size(value, path, found)
            if scalar is not None:
                rules, text = scalar
                if not all(item is not None and all(is_kept(item) for is_kept, _ in rules) for item in value):
                    found.append(
                        (
                            path,
                            self._complaint(
                                value, path, f"Member must satisfy constraint: {text}", is_secret=is_secret
                            ),
                        )
                    )
                return
            for number, item in enumerate(value, 1):
                if item is None:
                    where: Path = (path, f"{number}.member")
                    found.append((where, self._complaint(None, where, "Member must not be null")))
                elif look is not None:
                    look(item, (path, f"{number}.member"), found)

        return look_at

    def _map(self, shape: Shape) -> Look | None:
        size = self._rules(shape)
        is_secret = bool(shape.metadata.get("sensitive"))
        apply_size = self._apply(size, is_secret=is_secret)
        key_rules, key_text = self._each(shape.key)
        value_shape: Shape = shape.value
        scalar = self._each(value_shape) if value_shape.type_name not in ("structure", "list", "map") else None
        look = self._look(value_shape) if scalar is None else None

        def look_at(value: dict[str, Any], path: Path, found: Found) -> None:
            if size:
                apply_size(value, path, found)
            if not all(is_kept(key) for key in value for is_kept, _ in key_rules):
                found.append(
                    (
                        path,
                        self._complaint(
                            value, path, f"Map keys must satisfy constraint: {key_text}", is_secret=is_secret
                        ),
                    )
                )
            if scalar is not None:
                rules, text = scalar
                if not all(item is not None and all(is_kept(item) for is_kept, _ in rules) for item in value.values()):
                    found.append(
                        (
                            path,
                            self._complaint(
                                value, path, f"Map value must satisfy constraint: {text}", is_secret=is_secret
                            ),
                        )
                    )
                return
            for key, item in value.items():
                where: Path = (path, f"{key}.member")
                if item is None:
                    found.append((where, self._complaint(None, where, "Member must not be null")))
                elif look is not None:
                    look(item, where, found)

        return look_at

    def _each(self, shape: Shape) -> tuple[list[Rule], str]:
        """The rules for every element of a list or map, and how they are listed when one of them is broken."""
        rules = self._rules(shape)
        # Lengths come before the pattern here, and after it elsewhere; that is how the framework does it.
        texts = sorted((text for _, text in rules), key=lambda text: "pattern" in text)
        return rules, f"[{', '.join([*texts, 'Member must not be null'])}]"

    def _complaint(self, value: Any, path: Path, constraint: str, *, is_secret: bool = False) -> str:
        is_told = not is_secret and self._service not in _DISCREET
        shown = " null" if value is None else f" '{_shown(value)}'" if is_told else ""
        return f"Value{shown} at '{_written(path)}' failed to satisfy constraint: {constraint}"


def _rules(shape: Shape) -> Iterator[Rule]:
    """What the model asks of a value, with the framework's words for it."""
    limit = shape.metadata
    enum = limit.get("enum")
    if enum:
        yield frozenset(enum).__contains__, f"Member must satisfy enum value set: [{', '.join(enum)}]"
        return
    low, high = limit.get("min"), limit.get("max")
    if shape.type_name in ("integer", "long", "float", "double"):
        if high is not None:
            yield _at_most(high), f"Member must have value less than or equal to {high}"
        if low is not None:
            yield _at_least(low), f"Member must have value greater than or equal to {low}"
        return
    if limit.get("pattern"):
        yield _matches(limit["pattern"], high), f"Member must satisfy regular expression pattern: {limit['pattern']}"
    if high is not None:
        yield _no_longer(high), f"Member must have length less than or equal to {high}"
    if low:
        yield _no_shorter(low), f"Member must have length greater than or equal to {low}"


def _at_most(high: float) -> Callable[[Any], bool]:
    return lambda value: bool(value <= high)


def _at_least(low: float) -> Callable[[Any], bool]:
    return lambda value: bool(value >= low)


def _no_longer(high: int) -> Callable[[Any], bool]:
    return lambda value: len(value) <= high


def _no_shorter(low: int) -> Callable[[Any], bool]:
    return lambda value: len(value) >= low


def _matches(pattern: str, high: int | None) -> Callable[[Any], bool]:
    match = compile_pattern(pattern).fullmatch
    longest = high if high is not None else limits.PATTERN_TEXT_MAX
    # What is too long is told so already; expressions are not for megabytes.
    return lambda value: len(value) > longest or match(value) is not None


def _written(path: Path) -> str:
    parts: list[str] = []
    node: Path | None = path
    while node is not None:
        node, name = node
        if name:
            parts.append(name)
    return ".".join(reversed(parts))


def _camel(name: str) -> str:
    """FunctionName → functionName, as the framework calls it; KMSKeyArn → kMSKeyArn, for it knows no better."""
    return name[:1].lower() + name[1:]


def _shown(value: Any) -> str:
    """A value as Java would print it, shortened: the caller knows what was sent."""
    text = "".join(_pieces(value))
    return text if len(text) <= limits.SHOWN_VALUE_MAX else text[: limits.SHOWN_VALUE_MAX] + "..."


def _pieces(value: Any) -> Iterable[str]:
    if value is None:
        yield "null"
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, bytes):
        yield f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    elif isinstance(value, list):
        yield "["
        for number, item in enumerate(value):
            yield ", " if number else ""
            yield from _pieces(item)
        yield "]"
    elif isinstance(value, dict):
        yield "{"
        for number, (key, item) in enumerate(value.items()):
            yield f"{', ' if number else ''}{key}="
            yield from _pieces(item)
        yield "}"
    else:
        yield str(value)


# --- as SQS does it ---


def _sqs_check(shape: Shape) -> Check:
    """SQS's model has required members only, and its error names them as the older protocol does."""
    look = _sqs_look(shape)

    def check_required(request: dict[str, Any]) -> None:
        missing = look(request)
        if missing is not None:
            raise MissingRequiredParameterException(f"The request must contain the parameter {missing}.")

    return check_required


def _sqs_look(shape: Shape) -> Callable[[dict[str, Any]], str | None]:
    required = tuple(shape.required_members)
    lists = []
    for name, member in members_of(shape).items():
        if member.type_name == "list":
            element: Shape = member.member
            inner = _sqs_look(element) if element.type_name == "structure" else None
            lists.append((name, sqs_query.LISTS.get(member.name, name), inner))

    def look(value: dict[str, Any]) -> str | None:
        for name in required:
            if value.get(name) in (None, ""):  # in a form an empty value and none were the same, and so it stayed
                return name
        for name, wire, inner in lists:
            for number, item in enumerate(value.get(name) or (), 1):
                missing = "" if item is None else inner(item) if inner is not None else None
                if missing is not None:
                    return f"{wire}.{number}.{missing}".rstrip(".")
        return None

    return look


# --- as S3 does it ---


def _s3_check(shape: Shape) -> Check:
    """Required members only: of the XML as MalformedXML, of a body as such, of headers and query as arguments."""
    members = members_of(shape)
    payload = str(shape.serialization.get("payload", ""))
    required = []
    for name in shape.required_members:
        location = members[name].serialization.get("location")
        required.append((name, wire_name(members[name], name), location))
    is_whole = _s3_look(members[payload], Knots()) if payload and members[payload].type_name == "structure" else None

    def check_required(request: dict[str, Any]) -> None:
        for name, wire, location in required:
            if request.get(name) is None:
                if location is None:
                    raise MissingRequestBodyError if name == payload else MalformedXML
                raise InvalidArgument(f"Missing required argument {wire}", ArgumentName=wire, ArgumentValue="null")
        if is_whole is not None and payload in request and not is_whole(request[payload]):
            raise MalformedXML

    return check_required


Whole = Callable[[Any], bool]


def _s3_look(shape: Shape, knots: Knots[Whole]) -> Whole:
    return knots.tie(shape.name, lambda: _s3_structure(shape, knots))


def _s3_structure(shape: Shape, knots: Knots[Whole]) -> Whole:
    required = tuple(shape.required_members)
    inner: list[tuple[str, bool, Whole]] = []
    for name, member in members_of(shape).items():
        if member.type_name == "structure":
            inner.append((name, False, _s3_look(member, knots)))
        elif member.type_name == "list" and member.member.type_name == "structure":
            inner.append((name, True, _s3_look(member.member, knots)))

    def is_whole(value: dict[str, Any]) -> bool:
        if not all(name in value for name in required):
            return False
        for name, is_list, is_inner_whole in inner:
            item = value.get(name)
            if item is not None and not (all(map(is_inner_whole, item)) if is_list else is_inner_whole(item)):
                return False
        return True

    return is_whole
