"""Ruby: the runtimes ruby3.2 to ruby3.4, run by our own runtime client in a pre-started interpreter.

Ruby finds its library where it was built to be, so an interpreter that is no part of the host's /usr stands at its own
path inside. Gems in its own folder are found after those of the package and the layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wakeful.environments import variables
from wakeful.environments.inside import Inside
from wakeful.environments.languages.interpreters import Interpreter, Search
from wakeful.environments.languages.language import LANG_ROOT, ReadAtStart
from wakeful.environments.sandbox import Runtime

CLIENT = Path(__file__).parents[1] / "bootstrap" / "ruby"

SEARCH = Search(
    names=("ruby", "ruby3.[0-9]"),
    places=(
        "~/.rbenv/versions/*/bin",
        "~/.rubies/*/bin",
        "~/.rvm/rubies/*/bin",
        "~/.asdf/installs/ruby/*/bin",
        "~/.local/share/mise/installs/ruby/*/bin",
        "/usr/bin",
        "/usr/local/bin",
    ),
    # Without gems. Below /opt and /tmp, where a function's own things are, an interpreter could not stand.
    question=(
        "--disable-gems",
        "-rrbconfig",
        "-e",
        "puts [*RUBY_VERSION.split('.'), RbConfig::TOPDIR].join(' ') unless RbConfig::TOPDIR.match?(%r{^/(opt|tmp)/})",
    ),
)

RUNTIMES: Mapping[str, tuple[int, ...]] = {f"ruby3.{minor}": (3, minor) for minor in (2, 3, 4)}


class Ruby:
    """See `Language`."""

    name = "ruby"
    title = "Ruby"
    runtimes = RUNTIMES
    search = SEARCH
    read_at_start = ReadAtStart(("RUBY",), frozenset({"RUBYLIB"}))

    def remedy(self, number: str) -> str:
        return f"rbenv install {number}"

    async def runtime(self, name: str, interpreter: Interpreter) -> Runtime:
        mounts: tuple[tuple[Path, str], ...] = ((CLIENT, variables.RUNTIME_DIR),)
        if not interpreter.is_of_host:
            mounts = ((interpreter.prefix, str(interpreter.prefix)), (interpreter.prefix, LANG_ROOT), *mounts)
        argv = (str(interpreter.path), "-EUTF-8", f"{variables.RUNTIME_DIR}/bootstrap.rb")
        major, minor, patch = interpreter.version
        return Runtime(name, argv, mounts, True, variables.PROCESS_VARIABLES, f"ruby:{major}.{minor}.v{patch}")

    async def warm_up(self, interpreter: Interpreter, inside: Inside | None) -> None:
        """There is nothing to be done."""

    def fitted(self, runtime: Runtime, memory_mb: int, given: Mapping[str, str]) -> Runtime:
        return runtime

    def own_process(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        return argv
