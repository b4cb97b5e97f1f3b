"""The older protocol's names, against today's model."""

from __future__ import annotations

from wakeful.wire import sqs_query
from wakeful.wire.model import service_model


def test_every_list_and_map_of_the_model_has_its_older_name() -> None:
    model = service_model("sqs")
    kinds = {name: model.shape_for(name).type_name for name in model.shape_names}
    assert {name for name, kind in kinds.items() if kind == "list"} == set(sqs_query.LISTS)
    assert {name for name, kind in kinds.items() if kind == "map"} == set(sqs_query.MAPS)


def test_only_three_of_the_older_codes_are_of_no_shape() -> None:
    assert set(sqs_query.ERRORS) - set(service_model("sqs").shape_names) == {
        "AccessDeniedException",
        "InvalidParameterValueException",
        "MissingRequiredParameterException",
    }


def test_todays_model_is_not_touched_by_the_older_names() -> None:
    assert sqs_query.model().protocol == "query"
    assert service_model("sqs").protocol == "json"
    assert "name" not in service_model("sqs").shape_for("SendMessageBatchRequest").members["Entries"].serialization
