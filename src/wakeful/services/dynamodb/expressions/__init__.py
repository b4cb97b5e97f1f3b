"""Expressions: conditions, filters, projections, updates and key conditions, from text to what can be evaluated.

"Using expressions in DynamoDB". `requests.asked` is where the operations come in. Every text is read once and kept;
what a request substitutes for names and values is bound to it afterwards.
"""

from __future__ import annotations

from wakeful.services.dynamodb.expressions.bound import (
    Condition,
    KeyCondition,
    Path,
    Projection,
    Substitutes,
    Update,
)
from wakeful.services.dynamodb.expressions.requests import Asked, asked

__all__ = ["Asked", "Condition", "KeyCondition", "Path", "Projection", "Substitutes", "Update", "asked"]
