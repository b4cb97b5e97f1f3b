"""Web pages that a browser on this machine shows, and that try to use a node which believes whoever reaches it.

A node on loopback takes any key, because only this machine can reach it. Any page in any browser of this machine can,
too: it cannot read the answers, but it can make requests. Browsers say which page asks; clients that are no browser
say nothing of the kind.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from wakeful.wire.message import HttpRequest


def is_from_elsewhere(http: HttpRequest) -> bool:
    """A browser sent this for a page that does not come from this machine."""
    page = http.headers.get("origin")
    if page is None and http.headers.get("sec-fetch-site") == "cross-site":
        page = http.headers.get("referer", "")  # images and links have no Origin
    return page is not None and not _is_of_this_machine(page)


def is_for_this_machine(http: HttpRequest) -> bool:
    """It was sent to a name that is always this machine's.

    A page can have its own name lead here, and then is not from elsewhere: it may read what it gets.
    """
    host = http.headers.get("host")
    return host is None or _is_of_this_machine(f"//{host}")


def _is_of_this_machine(page: str) -> bool:
    try:
        host = urlsplit(page).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
