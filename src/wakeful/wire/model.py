"""Service models: what botocore ships is our only description of the wire."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

_ACRONYM_THEN_WORD = re.compile(r"([A-Z]+)([A-Z][a-z])")
_WORD_THEN_CAPITAL = re.compile(r"([a-z0-9])([A-Z])")


@lru_cache
def service_model(name: str) -> ServiceModel:
    """The model of one service by botocore's name for it ("lambda", "s3"), without its documentation texts."""
    return ServiceModel(_undocumented(Loader().load_service_model(name, "service-2")), name)


@lru_cache(4096)
def snake(name: str) -> str:
    """An operation's name as its handler is called: PutObject → put_object, ListObjectsV2 → list_objects_v2."""
    return _WORD_THEN_CAPITAL.sub(r"\1_\2", _ACRONYM_THEN_WORD.sub(r"\1_\2", name)).lower()


def _undocumented(node: Any) -> Any:
    # The texts are two thirds of a model's memory and nobody reads them here.
    if isinstance(node, dict):
        return {key: _undocumented(value) for key, value in node.items() if key != "documentation"}
    if isinstance(node, list):
        return [_undocumented(value) for value in node]
    return node
