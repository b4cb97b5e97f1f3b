"""How many examples a property test gets: so many, or a tenth of them where tests shall be quick, or many times more.

`make test` tries the same examples every time, so that what fails was broken by what was changed. `make explore` looks
for what nobody has tried yet.

A number in `settings` holds whatever profile was chosen, so that `make check` would try what is meant for `make test`.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings

QUICK = 8
EXPLORED = 2000

# A busy machine is slow, and nothing is wrong with that: no test is timed, by hypothesis neither.
UNTIMED: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


def examples(count: int, *, keeps_fixtures: bool = False, **more: Any) -> settings:
    """The settings of a test that has much to go through. With the profile `quick` it goes through some of it.

    A test that `keeps_fixtures` knows that its examples share what it was given.
    """
    profile = settings.get_current_profile_name()
    if keeps_fixtures:
        more["suppress_health_check"] = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    if profile == "quick":
        count = min(count, max(QUICK, count // 10))
    elif profile == "explore":
        count *= 10
    return settings(max_examples=count, **more)
