"""Every quota, default and retry count of the product, with its unit in its name."""

# ── environments: the launcher and its sandboxes ──

WAITING_CELLS_MAX = 64
"""Of one runtime; each costs some megabytes."""

LAUNCHER_LIFE_MIN_S = 1.0
"""A launcher that ends before has failed, rather than been killed."""

LAUNCHER_RESTARTS_MAX = 3
"""After so many failures in a row, no sandbox can be had until the node is started again."""

ATTACK_TIME_MAX_S = 10.0
"""For the attack on one sandbox at the start of the node; it takes a few hundredths of that."""
