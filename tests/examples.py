"""How many examples a property test gets: so many, or a tenth of them where tests shall be quick.

A number in `settings` holds whatever profile was chosen, so that `make check` would try what is meant for `make test`.
"""

from __future__ import annotations

from typing import Any

from hypothesis import settings

QUICK = 15


def examples(count: int, **more: Any) -> settings:
    """The settings of a test that has much to go through. With the profile `quick` it goes through some of it."""
    is_quick = settings.get_current_profile_name() == "quick"
    return settings(max_examples=max(QUICK, count // 10) if is_quick else count, **more)
