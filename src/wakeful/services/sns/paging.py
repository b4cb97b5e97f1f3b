"""Tokens of lists: where a page ends, in a form that says nothing to whoever holds it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from wakeful.services.sns.errors import InvalidParameterException


def token(last: str) -> str:
    """Of the page that begins behind what is named."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def after(request: Mapping[str, Any], member: str = "NextToken") -> str:
    """Behind what the page begins that the request asks for; "" for the first. Raises for what is no token of ours."""
    try:
        last = base64.b64decode(request.get(member, ""), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        last = "\0"
    if "\0" in last:  # nothing is named so, and PostgreSQL would not be asked for it
        raise InvalidParameterException(f"Invalid parameter: {member}")
    return last
