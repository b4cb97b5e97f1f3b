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


def after(request: Mapping[str, Any]) -> str:
    """Behind what the page begins that the request asks for; "" for the first. Raises for what is no token of ours."""
    try:
        return base64.b64decode(request.get("NextToken", ""), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        raise InvalidParameterException("Invalid parameter: NextToken") from None
