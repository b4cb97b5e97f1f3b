"""What is configured about a function: what an update keeps, replaces and takes away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful import limits
from wakeful.services.lambda_ import settings
from wakeful.services.lambda_.errors import InvalidParameterValueException

MADE = settings.of_creation({"Runtime": "python3.12", "Handler": "i.h", "Role": "r", "Code": {}})
names = st.text("ABCDEFGHIJ", min_size=2, max_size=20)


def test_variables_go_with_an_environment_that_has_none() -> None:
    config = settings.of_update(MADE, {"Environment": {"Variables": {"AA": "b"}}})
    assert config["Environment"] == {"Variables": {"AA": "b"}}
    assert settings.of_update(config, {"Timeout": 9})["Environment"] == config["Environment"]
    assert settings.of_update(config, {"Environment": {"Variables": {}}})["Environment"] == {"Variables": {}}
    assert "Environment" not in settings.of_update(config, {"Environment": {}})


@given(st.dictionaries(names, st.text(max_size=600), max_size=12))
def test_variables_are_measured_as_json(variables: dict[str, str]) -> None:
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    request = {"Environment": {"Variables": variables}}
    if len(measured.encode()) <= limits.LAMBDA_VARIABLES_BYTES_MAX:
        assert settings.of_update(MADE, request)["Environment"]["Variables"] == variables
    else:
        with pytest.raises(InvalidParameterValueException) as refused:
            settings.of_update(MADE, request)
        assert refused.value.message.endswith(f"exceeded the 4KB limit. String measured: {measured}")


def test_the_largest_variables_are_exactly_four_kilobytes_with_all_that_is_around_them() -> None:
    room = limits.LAMBDA_VARIABLES_BYTES_MAX - len('{"AA":""}')
    settings.of_update(MADE, {"Environment": {"Variables": {"AA": "x" * room}}})
    with pytest.raises(InvalidParameterValueException):
        settings.of_update(MADE, {"Environment": {"Variables": {"AA": "x" * (room + 1)}}})


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        (None, {"LogFormat": "JSON"}, {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}),
        (None, {"LogGroup": "g"}, {"LogGroup": "g"}),
        (
            {"LogFormat": "JSON", "LogGroup": "g"},
            {"SystemLogLevel": "WARN"},
            {"LogFormat": "JSON", "LogGroup": "g", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN"},
        ),
        (
            {"LogFormat": "JSON", "LogGroup": "g", "SystemLogLevel": "WARN"},
            {"LogFormat": "Text"},
            {"LogFormat": "Text", "LogGroup": "g"},
        ),
        ({"LogGroup": "g"}, None, {"LogGroup": "g"}),
    ],
)
def test_logging_is_changed_in_what_an_update_names(
    before: dict[str, str] | None, said: dict[str, str] | None, after: dict[str, str]
) -> None:
    config = {**MADE, **({"LoggingConfig": before} if before else {})}
    request: dict[str, Any] = {} if said is None else {"LoggingConfig": said}
    assert settings.of_update(config, request)["LoggingConfig"] == after


def test_text_has_no_levels() -> None:
    for said in ({"SystemLogLevel": "WARN"}, {"LogFormat": "Text", "ApplicationLogLevel": "INFO"}):
        with pytest.raises(InvalidParameterValueException, match="Log levels are not supported"):
            settings.of_update(MADE, {"LoggingConfig": said})


def test_an_update_replaces_what_it_names_and_nothing_else() -> None:
    changes = {"Description": "d", "Timeout": 9, "MemorySize": 256, "TracingConfig": {"Mode": "Active"}}
    changed = settings.of_update(MADE, changes)
    assert changed == {**MADE, **changes}
    assert settings.of_update(changed, {}) == changed
