"""Chaos experiments of tests: begun, asked for and ended over plain HTTP, as any test suite would."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def ask(endpoint: str, method: str, rest: str = "", document: Any = None, **headers: str) -> tuple[int, Any]:
    """Status and answer of /_wakeful/chaos."""
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(f"{endpoint}/_wakeful/chaos{rest}", body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def begun(endpoint: str, target: str, seed: int = 1, **faults: Any) -> dict[str, Any]:
    """An experiment that runs; a fault that is given as a number has that rate."""
    doses = {fault: dose if isinstance(dose, dict) else {"rate": dose} for fault, dose in faults.items()}
    status, told = ask(endpoint, "POST", "", {"target": target, "seed": seed, "faults": doses})
    assert status == 200, told
    return dict(told)


def report(endpoint: str, which: str, limit: int = 1000) -> dict[str, Any]:
    status, told = ask(endpoint, "GET", f"/{which}?limit={limit}")
    assert status == 200, told
    return dict(told)


@contextmanager
def chaos(endpoint: str, target: str, seed: int = 1, **faults: Any) -> Iterator[str]:
    """The id of an experiment that ends with the block."""
    which = begun(endpoint, target, seed, **faults)["id"]
    try:
        yield which
    finally:
        ask(endpoint, "DELETE", f"/{which}")
