"""Expressions: conditions, filters, projections, updates and key conditions, from text to what can be evaluated.

"Using expressions in DynamoDB". Every text is read once and kept (`lru_cache`); what a request substitutes for names
and values is bound to it afterwards, and what it names without using, or uses without naming, is refused.
"""

from __future__ import annotations

from wakeful.services.dynamodb.expressions.bound import (
    Condition,
    KeyCondition,
    Projection,
    Substitutes,
    Update,
)

__all__ = ["Condition", "KeyCondition", "Projection", "Substitutes", "Update"]
