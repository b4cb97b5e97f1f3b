"""A function that is being debugged: debugpy listens in its process before its code is loaded."""

from __future__ import annotations


def listen(asked: str) -> None:
    """Clients may attach to the port; where it was asked for, this returns when one has."""
    import debugpy  # type: ignore[import-not-found,unused-ignore]

    port, *waits = asked.split()
    debugpy.listen(("127.0.0.1", int(port)))
    if waits:
        debugpy.wait_for_client()
