"""Service models: what botocore ships is our only description of the wire."""

from __future__ import annotations

import gzip
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import botocore
import orjson
from botocore.model import OperationModel, ServiceModel, Shape

_ACRONYM_THEN_WORD = re.compile(r"([A-Z]+)([A-Z][a-z])")
_WORD_THEN_CAPITAL = re.compile(r"([a-z0-9])([A-Z])")


_TEXTS = frozenset({"documentation", "documentationUrl", "deprecatedMessage"})


@lru_cache
def service_model(name: str) -> ServiceModel:
    """The model of one service by botocore's name for it ("lambda", "s3"), without its documentation texts."""
    return ServiceModel(undocumented(raw_model(name)), name)


def raw_model(name: str) -> dict[str, Any]:
    """The newest model of a service as botocore ships it. Raises LookupError."""
    # botocore's own loader needs 110 ms for our eight models, most of it for looking around; this needs 25. It also
    # adds "extras" for clients' sake, such as S3's Expires becoming a timestamp: a server echoes what it was given.
    folder = _newest(Path(botocore.__file__).parent / "data" / name)
    model: dict[str, Any] = orjson.loads(gzip.decompress((folder / "service-2.json.gz").read_bytes()))
    return model


def undocumented(node: Any) -> Any:
    """A model without its texts."""
    # The texts are two thirds of a model's memory and nobody reads them here.
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


def members_of(shape: Shape | None) -> dict[str, Shape]:
    """A structure's members in the model's order; none for a missing shape."""
    # botocore's stubs know `members` on StructureShape only, and its code makes no promise which class one gets.
    return dict(shape.members) if shape is not None else {}  # type: ignore[attr-defined]


def wire_name(shape: Shape, name: str) -> str:
    """What a member is called on the wire."""
    return str(shape.serialization.get("name", name))


def streams_in(operation: OperationModel) -> bool:
    """Whether the request's body is handed to the handler piece by piece. Otherwise it is complete, as bytes."""
    # Lambda's payloads are streaming blobs by the model, but at most some megabytes: its handlers want them whole.
    return operation.service_model.service_name != "lambda" and operation.has_streaming_input


def _newest(folder: Path) -> Path:
    versions = sorted(path for path in folder.glob("*") if (path / "service-2.json.gz").exists())
    if not versions:
        raise LookupError(f"botocore has no model named {folder.name!r}")
    return versions[-1]
