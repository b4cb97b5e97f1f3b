"""`make bench`: Wakeful beside its peers and beside a floor, in one run. Ratios hold, absolute times do not.

make bench SECTIONS="…"        warm, cold, burst, snapstart, shared, idle, events, queue, topics,
                               mapping, table, follow, dev, start
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable

from bench.cold import burst, cold, idle
from bench.dev import dev
from bench.events import events
from bench.follow import follow
from bench.mapping import mapping
from bench.queue import queue
from bench.shared import shared
from bench.snap_start import snap_start
from bench.start import start
from bench.table import table
from bench.topics import topics
from bench.warm import warm

SECTIONS: dict[str, Callable[[], None]] = {
    "warm": warm,
    "cold": cold,
    "burst": burst,
    "snapstart": snap_start,
    "shared": shared,
    "idle": idle,
    "events": events,
    "queue": queue,
    "topics": topics,
    "mapping": mapping,
    "table": table,
    "follow": follow,
    "dev": dev,
    "start": start,
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("sections", nargs="*", choices=[*SECTIONS, []], metavar="SECTION")
    chosen = arguments.parse_args().sections or list(SECTIONS)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"
    print(f"{machine}, Python {platform.python_version()}\n")
    for name in chosen:
        SECTIONS[name]()


if __name__ == "__main__":
    main()
