"""Markers of Lambda's lists: opaque to the client, and refused where they are none of ours."""

from __future__ import annotations

import base64

from wakeful.services.lambda_.errors import InvalidParameterValueException


def marked(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def unmarked(marker: str | None, default: str) -> str:
    """What a marker of ours said. Raises what Lambda answers to one that is not."""
    if not marker:
        return default
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise InvalidParameterValueException("Invalid Marker") from error
