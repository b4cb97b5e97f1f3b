"""Service models: what botocore ships is our only description of the wire.

Its classes for them would bring its HTTP client and its C runtime into the node: 90 ms at the start and 24 MB for as
long as it runs. These here read the same files and call things by the same names.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

_ACRONYM_THEN_WORD = re.compile(r"([A-Z]+)([A-Z][a-z])")
_WORD_THEN_CAPITAL = re.compile(r"([a-z0-9])([A-Z])")

SPOKEN = ("json", "query", "rest-json", "rest-xml")
"""The protocols that there are readers and writers of."""

AS_SENT = frozenset({("dynamodb", "AttributeValue"), ("dynamodbstreams", "AttributeValue")})
"""Shapes whose values handlers get and give as JSON has them: the service itself says what is wrong."""

_TEXTS = frozenset({"documentation", "documentationUrl", "deprecatedMessage"})
_ON_THE_WIRE = frozenset(
    {
        "eventheader",
        "eventpayload",
        "eventstream",
        "event",
        "flattened",
        "hostLabel",
        "jsonvalue",
        "location",
        "payload",
        "resultWrapper",
        "streaming",
        "timestampFormat",
        "xmlAttribute",
        "xmlNamespace",
    }
)
_OF_THE_VALUE = frozenset(
    {"document", "enum", "error", "exception", "max", "min", "pattern", "required", "sensitive", "union"}
)


class Shape:
    """A type of values, as it is used in one place: a member may be called and written otherwise than its like."""

    def __init__(self, name: str, raw: Mapping[str, Any], model: ServiceModel) -> None:
        self.name = name
        self.type_name = str(raw["type"])
        self._raw = raw
        self._model = model

    @cached_property
    def serialization(self) -> Mapping[str, Any]:
        """How it is written; `name` is what it is called there."""
        written = {key: value for key, value in self._raw.items() if key in _ON_THE_WIRE}
        if "locationName" in self._raw:
            written["name"] = self._raw["locationName"]
        return written

    @cached_property
    def metadata(self) -> Mapping[str, Any]:
        """What its values must be like."""
        return {key: value for key, value in self._raw.items() if key in _OF_THE_VALUE}

    @property
    def is_as_sent(self) -> bool:
        """Whether its values are JSON to the handler, too."""
        return bool(self._raw.get("document")) or (self._model.service_name, self.name) in AS_SENT

    @cached_property
    def members(self) -> Mapping[str, Shape]:
        """Of a structure, in the model's order."""
        return {name: self._model.resolve(reference) for name, reference in self._raw.get("members", {}).items()}

    @property
    def required_members(self) -> list[str]:
        return list(self._raw.get("required", ()))

    @property
    def enum(self) -> list[str]:
        return list(self._raw.get("enum", ()))

    @cached_property
    def member(self) -> Shape:
        """Of a list."""
        return self._model.resolve(self._raw["member"])

    @cached_property
    def key(self) -> Shape:
        """Of a map."""
        return self._model.resolve(self._raw["key"])

    @cached_property
    def value(self) -> Shape:
        """Of a map."""
        return self._model.resolve(self._raw["value"])

    def __repr__(self) -> str:
        return f"Shape({self.name}: {self.type_name})"


class OperationModel:
    def __init__(self, raw: Mapping[str, Any], model: ServiceModel) -> None:
        self.name = str(raw["name"])
        self.http: Mapping[str, Any] = raw.get("http", {})
        self.http_checksum: Mapping[str, Any] = raw.get("httpChecksum", {})
        self.deprecated = bool(raw.get("deprecated", False))
        self.may_be_compressed = "gzip" in raw.get("requestcompression", {}).get("encodings", ())
        self.service_model = model
        self._raw = raw

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The service's: protocol, version, namespace."""
        return self.service_model.metadata

    @cached_property
    def input_shape(self) -> Shape | None:
        return self.service_model.resolve(self._raw["input"]) if "input" in self._raw else None

    @cached_property
    def output_shape(self) -> Shape | None:
        return self.service_model.resolve(self._raw["output"]) if "output" in self._raw else None

    @property
    def has_streaming_input(self) -> bool:
        return _streams(self.input_shape)

    @property
    def has_streaming_output(self) -> bool:
        return _streams(self.output_shape)

    @property
    def has_event_stream_output(self) -> bool:
        return any(member.serialization.get("eventstream") for member in members_of(self.output_shape).values())

    def __repr__(self) -> str:
        return f"OperationModel({self.name})"


class ServiceModel:
    """`raw` is the model as botocore's files have it."""

    def __init__(self, raw: Mapping[str, Any], service_name: str) -> None:
        self.raw = raw
        self.service_name = service_name
        self.metadata: Mapping[str, Any] = raw["metadata"]
        self.protocol = str(self.metadata["protocol"])
        self.api_version = str(self.metadata.get("apiVersion", ""))
        self.endpoint_prefix = str(self.metadata.get("endpointPrefix", service_name))
        self.signing_name = str(self.metadata.get("signingName", self.endpoint_prefix))
        self._operations: dict[str, OperationModel] = {}

    @property
    def operation_names(self) -> list[str]:
        return list(self.raw["operations"])

    @property
    def shape_names(self) -> Mapping[str, Any]:
        return self.raw["shapes"]  # type: ignore[no-any-return]

    def operation_model(self, name: str) -> OperationModel:
        """Raises KeyError."""
        operation = self._operations.get(name)
        if operation is None:
            operation = self._operations[name] = OperationModel(self.raw["operations"][name], self)
        return operation

    def shape_for(self, name: str) -> Shape:
        """Raises KeyError."""
        return Shape(name, self.raw["shapes"][name], self)

    def resolve(self, reference: Mapping[str, Any]) -> Shape:
        """The shape that is meant where another one, or an operation, refers to it."""
        name = reference["shape"]
        return Shape(name, {**self.raw["shapes"][name], **reference}, self)


@lru_cache
def service_model(name: str) -> ServiceModel:
    """The model of one service by botocore's name for it ("lambda", "s3"), without its documentation texts.

    Of several protocols it has the first that is spoken here.
    """
    raw = undocumented(raw_model(name))
    if raw["metadata"]["protocol"] not in SPOKEN:
        raw["metadata"]["protocol"] = next(each for each in raw["metadata"]["protocols"] if each in SPOKEN)
    return ServiceModel(raw, name)


@lru_cache
def query_model(name: str) -> ServiceModel | None:
    """The same for clients of the query protocol, where the service speaks that beside its own."""
    raw = service_model(name).raw
    if raw["metadata"]["protocol"] == "query" or "query" not in raw["metadata"].get("protocols", ()):
        return None
    operations = {
        name: {**each, "output": {**each["output"], "resultWrapper": f"{name}Result"}} if "output" in each else each
        for name, each in raw["operations"].items()
    }
    return ServiceModel({**raw, "metadata": {**raw["metadata"], "protocol": "query"}, "operations": operations}, name)


def raw_model(name: str) -> dict[str, Any]:
    """The newest model of a service as botocore ships it. Raises LookupError."""
    # botocore's loader adds "extras" for clients' sake, such as S3's Expires becoming a timestamp: a server echoes what
    # it was given.
    versions = sorted((_data() / name).glob("*/service-2.json.gz"))
    if not versions:
        raise LookupError(f"botocore has no model named {name!r}")
    model: dict[str, Any] = orjson.loads(gzip.decompress(versions[-1].read_bytes()))
    return model


def undocumented(node: Any) -> Any:
    """A model without its texts."""
    # They are two thirds of its memory, and nobody reads them here.
    if isinstance(node, dict):
        return {
            key: undocumented(value) for key, value in node.items() if key not in _TEXTS or not isinstance(value, str)
        }
    if isinstance(node, list):
        return [undocumented(value) for value in node]
    return node


@lru_cache(4096)
def snake(name: str) -> str:
    """An operation's name as its handler is called: PutObject → put_object, ListObjectsV2 → list_objects_v2."""
    return _WORD_THEN_CAPITAL.sub(r"\1_\2", _ACRONYM_THEN_WORD.sub(r"\1_\2", name)).lower()


def members_of(shape: Shape | None) -> Mapping[str, Shape]:
    """A structure's members in the model's order; none for a missing shape."""
    return shape.members if shape is not None else {}


def wire_name(shape: Shape, name: str) -> str:
    """What a member is called on the wire."""
    return str(shape.serialization.get("name", name))


def streams_in(operation: OperationModel) -> bool:
    """Whether the request's body is handed to the handler piece by piece. Otherwise it is complete, as bytes."""
    # Lambda's payloads are streaming blobs by the model, but at most some megabytes: its handlers want them whole.
    return operation.service_model.service_name != "lambda" and operation.has_streaming_input


def _streams(shape: Shape | None) -> bool:
    payload = shape.serialization.get("payload") if shape is not None else None
    return payload is not None and members_of(shape)[payload].type_name == "blob"


@lru_cache(1)
def _data() -> Path:
    spec = find_spec("botocore")  # finding is not importing
    if spec is None or not spec.submodule_search_locations:
        raise LookupError("botocore is not installed")
    return Path(spec.submodule_search_locations[0]) / "data"
