"""REST routes: from method, path and query to an operation and the labels in its path, by a tree of path segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wakeful import limits
from wakeful.wire.forms import Query, decoded
from wakeful.wire.model import OperationModel, members_of, wire_name


@dataclass(slots=True, frozen=True)
class Route:
    """An operation at a path. All of `literals` must be in the query (with that value, if one is given)."""

    operation: str
    labels: tuple[str, ...]
    literals: tuple[tuple[str, str | None], ...]
    needs_query: tuple[str, ...]
    needs_headers: tuple[str, ...]
    is_deprecated: bool

    def fits(self, query: Query) -> bool:
        return all(name in query and (value is None or value in query[name]) for name, value in self.literals)

    def is_complete(self, query: Query, headers: Mapping[str, str]) -> bool:
        """Whether nothing required is missing: of several routes at one path the complete one is meant."""
        return all(name in query for name in self.needs_query) and all(name in headers for name in self.needs_headers)


@dataclass(slots=True)
class _End:
    """The routes of one method at one path. `named` has those that ask for something in the query, by its name."""

    bare: list[Route] = field(default_factory=list)
    named: dict[str, list[Route]] = field(default_factory=dict)


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    label: _Node | None = None
    greedy: _Node | None = None
    ends: dict[str, _End] = field(default_factory=dict)  # by method


@dataclass(slots=True, frozen=True)
class Found:
    operation: str
    labels: dict[str, str]


class Routes:
    """The routes of one service. `find` gives None where the service has nothing at that path and method.

    With `is_strict`, as S3 has it, an operation is only meant if its required parameters are there: POST to an object
    without an upload's id is no CompleteMultipartUpload. Otherwise the parameter is missed later.
    """

    def __init__(self, operations: Iterable[OperationModel], *, is_strict: bool = False) -> None:
        self._root = _Node()
        self._is_strict = is_strict
        self._known: dict[tuple[str, str], Found] = {}
        """What was found without a query, where nothing else but the path decides."""

        for operation in operations:
            self._add(operation)

    def find(self, method: str, path: str, query: Query, headers: Mapping[str, str]) -> Found | None:
        """`path` is still percent-encoded. Raises UnicodeDecodeError where it does not hold UTF-8."""
        if not query:
            known = self._known.get((method, path))
            if known is not None:
                return known
        segments = path[1:].split("/")
        if len(segments) > 1 and not segments[-1]:
            segments.pop()  # "/2015-03-31/functions/" is what older clients send; a greedy label gets its "/" back
            has_slash = True
        else:
            has_slash = False
        values: list[str] = []
        end = _walk(self._root, method, segments, 0, values, has_slash)
        route = self._choose(end, query, headers) if end is not None else None
        if end is None or route is None:
            return None
        found = Found(route.operation, dict(zip(route.labels, map(decoded, values), strict=True)))
        if not query and len(end.bare) == 1 and not self._is_strict:
            self._remember(method, path, found)
        return found

    def _remember(self, method: str, path: str, found: Found) -> None:
        if len(path) <= limits.ROUTES_KNOWN_PATH_MAX:
            if len(self._known) >= limits.ROUTES_KNOWN_MAX:
                self._known.clear()
            self._known[method, path] = found

    def _choose(self, end: _End, query: Query, headers: Mapping[str, str]) -> Route | None:
        for name in query:
            fitting = [route for route in end.named.get(name, ()) if route.fits(query)]
            if fitting:
                # "?analytics" without "&id" can only mean the operation that wants an id.
                return _complete(fitting, query, headers) or fitting[-1]
        bare = end.bare
        return _complete(bare, query, headers) or (bare[-1] if bare and not self._is_strict else None)

    def _add(self, operation: OperationModel) -> None:
        path, _, query = str(operation.http["requestUri"]).partition("?")
        node = self._root
        labels = []
        for segment in path[1:].split("/"):
            if segment.startswith("{"):
                name = segment.strip("{}")
                labels.append(_member_of_label(operation, name.rstrip("+")))
                if name.endswith("+"):
                    node.greedy = node = node.greedy or _Node()
                else:
                    node.label = node = node.label or _Node()
            else:
                node = node.literals.setdefault(segment, _Node())
        route = _route(operation, tuple(labels), query)
        end = node.ends.setdefault(str(operation.http["method"]), _End())
        routes = end.named.setdefault(route.literals[0][0], []) if route.literals else end.bare
        routes.append(route)
        routes.sort(key=_specific_first)


def _walk(node: _Node, method: str, segments: list[str], at: int, values: list[str], has_slash: bool) -> _End | None:
    """What is at the end of the path, and in `values` what stood for its labels."""
    if at == len(segments):
        return node.ends.get(method)
    segment = segments[at]
    child = node.literals.get(segment)
    if child is not None:
        end = _walk(child, method, segments, at + 1, values, has_slash)
        if end is not None:
            return end
    if node.label is not None and segment:
        values.append(segment)
        end = _walk(node.label, method, segments, at + 1, values, has_slash)
        if end is not None:
            return end
        values.pop()
    if node.greedy is not None:
        values.append("/".join(segments[at:]) + ("/" if has_slash else ""))
        return node.greedy.ends.get(method)
    return None


def _complete(routes: list[Route], query: Query, headers: Mapping[str, str]) -> Route | None:
    for route in routes:
        if route.is_complete(query, headers):
            return route
    return None


def _specific_first(route: Route) -> tuple[int, int, bool]:
    return (-len(route.literals), -len(route.needs_query) - len(route.needs_headers), route.is_deprecated)


def _route(operation: OperationModel, labels: tuple[str, ...], query: str) -> Route:
    literals = []
    for parameter in query.split("&") if query else ():
        name, separator, value = parameter.partition("=")
        literals.append((name, value if separator else None))
    members = members_of(operation.input_shape)
    required = operation.input_shape.required_members if operation.input_shape is not None else []
    needs: dict[str, list[str]] = {"querystring": [], "header": []}
    for name in required:
        location = members[name].serialization.get("location")
        if location in needs:
            needs[str(location)].append(wire_name(members[name], name))
    return Route(
        operation.name,
        labels,
        tuple(literals),
        tuple(needs["querystring"]),
        tuple(name.lower() for name in needs["header"]),
        operation.deprecated,
    )


def _member_of_label(operation: OperationModel, label: str) -> str:
    """The member that a label in the path stands for: labels are named as on the wire, members as in the model."""
    for name, member in members_of(operation.input_shape).items():
        if member.serialization.get("location") == "uri" and wire_name(member, name) == label:
            return name
    raise LookupError(f"{operation.name} has no member for the label {label!r} in its path")
