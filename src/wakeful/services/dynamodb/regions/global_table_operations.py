"""Global tables of version 2017.11.29, which AWS makes no more: its operations answer as they do today ("Global tables
legacy version 2017.11.29"). Those of today are changed by UpdateTable (`replicas.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeful.fabric.service import Call
from wakeful.services.dynamodb.api import api
from wakeful.services.dynamodb.errors import GlobalTableNotFoundException, ValidationException
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import dynamodb as shapes


@api.reads
def create_global_table(call: Call, tx: Tx, request: shapes.CreateGlobalTableInput) -> shapes.CreateGlobalTableOutput:
    raise ValidationException(
        "DynamoDB global tables version 2017.11.29 is not supported. We recommend using DynamoDB global tables version"
        " 2019.11.21, instead of version 2017.11.29 (Legacy)."
    )


@api.reads
def update_global_table(call: Call, tx: Tx, request: shapes.UpdateGlobalTableInput) -> shapes.UpdateGlobalTableOutput:
    raise _none(request["GlobalTableName"])


@api.reads
def describe_global_table(
    call: Call, tx: Tx, request: shapes.DescribeGlobalTableInput
) -> shapes.DescribeGlobalTableOutput:
    raise _none(request["GlobalTableName"])


@api.reads
def describe_global_table_settings(
    call: Call, tx: Tx, request: shapes.DescribeGlobalTableSettingsInput
) -> shapes.DescribeGlobalTableSettingsOutput:
    raise _none(request["GlobalTableName"])


@api.reads
def update_global_table_settings(
    call: Call, tx: Tx, request: shapes.UpdateGlobalTableSettingsInput
) -> shapes.UpdateGlobalTableSettingsOutput:
    raise _none(request["GlobalTableName"])


@api.reads
def list_global_tables(call: Call, tx: Tx, request: shapes.ListGlobalTablesInput) -> shapes.ListGlobalTablesOutput:
    return {"GlobalTables": []}


def _none(name: str) -> GlobalTableNotFoundException:
    return GlobalTableNotFoundException(f"Global table with name '{name}' does not exist.")
