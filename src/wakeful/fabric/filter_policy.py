"""Filter policies of SNS subscriptions: which messages a subscriber wants, by their attributes or by their body.

The operators and limits are those of "Amazon SNS subscription filter policies" and "Filter policy constraints in Amazon
SNS"; matching is that of event patterns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from wakeful import limits
from wakeful.fabric.json_tokens import JsonFault, check_json
from wakeful.fabric.pattern import Pattern, checked_alternatives
from wakeful.fabric.pattern_grammar import SNS, Alternative, PatternFault
from wakeful.wire.errors import AwsError

Scope = Literal["MessageAttributes", "MessageBody"]


class InvalidParameterException(AwsError):
    """Invalid parameter: FilterPolicy"""

    code = "InvalidParameter"
    status = 400


@dataclass(frozen=True, slots=True)
class FilterPolicy:
    """What a subscription wants of a message."""

    scope: Scope
    pattern: Pattern

    def matches(self, body: str, attributes: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether the subscriber gets the message. `attributes` are as Publish takes them."""
        if self.scope == "MessageAttributes":
            return self.pattern.matches(attribute_values(attributes))
        try:
            event = json.loads(body)
        except (ValueError, RecursionError):
            return False
        return isinstance(event, dict) and self.pattern.matches(event)


def compile_filter_policy(
    policy: str | dict[str, Any], scope: str = "MessageAttributes", *, prefix: str = "Invalid parameter: "
) -> FilterPolicy:
    """The policy, ready to match. Raises InvalidParameterException in SNS's words.

    SetSubscriptionAttributes begins its complaints with `prefix` as it stands here; Subscribe says
    "Invalid parameter: Attributes Reason: ".
    """
    if scope not in ("MessageAttributes", "MessageBody"):
        raise InvalidParameterException(
            f"{prefix}FilterPolicyScope: Invalid value [{scope}]. Please use either MessageBody or MessageAttributes"
        )
    text = policy if isinstance(policy, str) else json.dumps(policy, separators=(",", ":"))
    try:
        _check_size(text)
        _check_json(text)
        alternatives = checked_alternatives(text, SNS)
        if scope == "MessageAttributes":
            _check_flat(text, prefix)
        is_nested = scope == "MessageBody"
        _check_keys(alternatives, is_nested=is_nested)
        _check_combinations(alternatives, is_nested=is_nested)
    except PatternFault as fault:
        raise InvalidParameterException(f"{prefix}FilterPolicy: {fault}") from None
    return FilterPolicy("MessageBody" if scope == "MessageBody" else "MessageAttributes", Pattern(alternatives))


def attribute_values(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Message attributes as an event: only strings, numbers and arrays are compared, never binary values.

    An array or a number that does not parse is compared as the string that it is.
    """
    values: dict[str, Any] = {}
    for name, attribute in attributes.items():
        kind, text = attribute.get("DataType", ""), attribute.get("StringValue")
        if text is None:
            continue
        if kind == "String.Array" or kind.partition(".")[0] == "Number":
            values[name] = _parsed(text)
        elif kind.partition(".")[0] == "String":
            values[name] = text
    return values


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _check_size(text: str) -> None:
    if len(text.encode("utf-8", "surrogatepass")) > limits.FILTER_POLICY_BYTES_MAX:
        raise PatternFault("Filter policy is too large")


def _check_json(text: str) -> None:
    try:
        check_json(text)
    except JsonFault as fault:
        raise PatternFault(f"failed to parse JSON. {fault}") from None


def _check_flat(text: str, prefix: str) -> None:
    """Attributes have no inner structure, so a policy on them must not have one either. `$or` is no structure."""
    if any(isinstance(value, dict) for value in _fields(json.loads(text))):
        raise InvalidParameterException(
            f"{prefix}Filter policy scope MessageAttributes does not support nested filter policy"
        )


def _fields(policy: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    waiting = [policy]
    while waiting:
        for name, value in waiting.pop().items():
            if name == "$or" and isinstance(value, list) and all(isinstance(one, dict) for one in value):
                waiting.extend(value)
            else:
                found.append(value)
    return found


def _check_keys(alternatives: list[Alternative], *, is_nested: bool) -> None:
    """Of a nested policy only the outermost keys count."""
    keys = {name.partition(".")[0] if is_nested else name for one in alternatives for name in one}
    if len(keys) > limits.FILTER_POLICY_KEYS_MAX:
        raise PatternFault(f"Filter policy can not have more than {limits.FILTER_POLICY_KEYS_MAX} keys")


def _check_combinations(alternatives: list[Alternative], *, is_nested: bool) -> None:
    """Each key counts its values times its depth; keys multiply, alternatives of `$or` add."""
    total = 0
    for one in alternatives:
        product = 1
        for name, wanted in one.items():
            product *= wanted.count * (name.count(".") + 1 if is_nested else 1)
        total += product
    if total > limits.FILTER_POLICY_COMBINATIONS_MAX:
        raise PatternFault("Filter policy is too complex")
