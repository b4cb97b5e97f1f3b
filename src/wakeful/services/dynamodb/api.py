"""The operations of DynamoDB and of its streams that we have; the modules beside this one fill the tables."""

from __future__ import annotations

from wakeful.fabric.service import Operations

api = Operations("dynamodb")
streams = Operations("dynamodbstreams", "dynamodb")
