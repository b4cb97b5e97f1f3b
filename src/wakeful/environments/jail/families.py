"""Templates and what is forked from them, as the launcher sees them. Two annexes of each template stand ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import messages
from .cells import BUILDING, RUNNING, WAITING, Cell

if TYPE_CHECKING:
    from .launcher import Launcher

ANNEXES_WAITING = 2
ANNEX_FAILURES_MAX = 3
"""After so many in a row, no more annexes of that template are made ahead; a restore still tries."""


class Families:
    """The launcher's dealings with keepers of templates."""

    def __init__(self, launcher: Launcher, tell: Callable[[Mapping[str, Any]], None]) -> None:
        self._launcher = launcher
        self._tell = tell
        self._templates: list[Cell] = []

    # ── what the node wants ──────────────────────────────────────────────────────────────────────────────────────────

    def restore(self, body: Mapping[str, Any]) -> None:
        """A sandbox with a copy of the template in it; refused where there is no such template any more."""
        launcher = self._launcher
        template = launcher.assigned.get(body["template"])
        if template is None or template.start is None or template.is_dropped or not template.is_template:
            self._tell({"verb": "refused", "sandbox": body["sandbox"], "error": "the template has ended"})
            return
        start = replace(template.start, sandbox=body["sandbox"], variables=-1)
        cell = self._spare(template)
        if cell is None:
            try:
                cell = self._build(template)
            except OSError as error:
                launcher.refuse(start, f"no sandbox could be made: {error}")
                return
        cell.start = start
        launcher.assigned[start.sandbox] = cell
        if cell.state == WAITING:
            self.fork(cell)
        launcher.pause_refilling()

    def _spare(self, template: Cell) -> Cell | None:
        """The one that is meant to be next, one that waits, or one that soon will."""
        cell, template.favourite = template.favourite, None
        if cell is not None and cell.start is None and not cell.is_leaving:
            return cell
        spare = [cell for cell in template.annexes if cell.start is None and not cell.is_leaving]
        return next((cell for cell in spare if cell.state == WAITING), spare[0] if spare else None)

    def fork(self, cell: Cell) -> None:
        """The annex is built, and promised to somebody."""
        assert cell.template is not None and cell.start is not None
        messages.send(cell.channel, {"verb": "adopt", "memory_mb": cell.start.memory_mb})
        messages.send(cell.template.channel, {"verb": "fork", "number": cell.number})

    def refill(self) -> None:
        """Of each template, so many annexes wait."""
        for template in [each for each in self._templates if each.is_running]:
            waiting = sum(cell.start is None and not cell.is_leaving for cell in template.annexes)
            self._choose(template)
            if template.is_dropped or template.annex_failures >= ANNEX_FAILURES_MAX:
                continue
            for _ in range(ANNEXES_WAITING - waiting):
                try:
                    self._build(template)
                except OSError:
                    return  # whoever wants one hears why there is none

    def _choose(self, template: Cell) -> None:
        """The template makes itself ready for the annex that is taken next."""
        if template.favourite is None and not template.is_dropped:
            waiting = [
                cell
                for cell in template.annexes
                if cell.start is None and cell.state == WAITING and not cell.is_leaving
            ]
            if waiting:
                template.favourite = waiting[0]
                messages.send(template.channel, {"verb": "stand", "number": waiting[0].number})

    def drop(self, template: Cell) -> bool:
        """The template ends; who is forked from it goes on. False where nobody is: it may just be killed."""
        template.is_dropped = True
        self._end_spares(template)
        if not any(cell.start is not None for cell in template.annexes):
            return False
        messages.send(template.channel, {"verb": "drop"})
        return True

    # ── what keepers say ─────────────────────────────────────────────────────────────────────────────────────────────

    def hear(self, cell: Cell, message: messages.Message) -> bool:
        """Whether this was for us."""
        body, launcher = message.body, self._launcher
        if message.verb in ("traced", "template"):
            if message.verb == "template":
                cell.is_template = body["reason"] is None
                self._templates += [cell] if cell.is_template else []
            if cell.start is not None:
                self._tell({**body, "sandbox": cell.start.sandbox})
            launcher.pause_refilling()
            return True
        if message.verb not in ("forked", "child ended", "unbuilt"):
            return False
        annex = next((each for each in cell.annexes if each.number == body["number"]), None)
        if annex is None:
            message.close()
        elif message.verb == "forked":
            self._on_forked(annex, message)
        elif message.verb == "unbuilt":
            annex.error = body["error"]
            self.on_lost(annex)
        else:
            launcher.on_keeper(annex)  # its own keeper may have said why, before it killed it
            launcher.on_ended(annex, {**body, "out_of_memory": False})
            launcher.end(annex)
        return True

    def _on_forked(self, annex: Cell, message: messages.Message) -> None:
        start = annex.start
        error = message.body["error"]
        if error is not None or start is None:
            message.close()
            if start is not None:
                self._launcher.refuse(start, f"the template could not be forked: {error}")
                annex.start = None
            self._launcher.end(annex)
            return
        annex.state = RUNNING
        self._launcher.hand_over(annex, start, runtime=_pid_of(message.descriptors[0]))
        message.close()

    def introduce(self, cell: Cell, pidfd: int) -> None:
        """Now we know the keeper of an annex."""
        if cell.template is not None:
            cell.template.annex_failures = 0
        cell.pidfd = pidfd
        cell.pid = _pid_of(pidfd)
        self._launcher.pause_refilling()

    def on_lost(self, annex: Cell) -> None:
        """An annex whose keeper we never knew is gone."""
        if annex.pidfd < 0 and not annex.is_reaped:
            self._launcher.bury(annex)

    def on_gone(self, cell: Cell) -> None:
        """Nothing is left of the cell. A template's keeper ends when nobody needs it."""
        template = cell.template
        if cell in self._templates:
            self._templates.remove(cell)
        if template is None:
            return
        template.annexes.discard(cell)
        template.annex_failures += cell.state == BUILDING and cell.error is not None
        if template.is_dropped and not template.annexes and not template.is_leaving:
            self._launcher.end(template)

    def on_template_ended(self, template: Cell) -> None:
        """Its process has ended. Its keeper stays for those who run."""
        template.is_dropped = True
        self._end_spares(template)
        if any(cell.start is not None for cell in template.annexes):
            self._launcher.leave(template)
        else:
            self._launcher.end(template)

    def _end_spares(self, template: Cell) -> None:
        for cell in list(template.annexes):
            if cell.start is None:
                messages.send(template.channel, {"verb": "forget", "number": cell.number})
                self._launcher.end(cell)

    def _build(self, template: Cell) -> Cell:
        cell = self._launcher.build_annex(template)
        template.annexes.add(cell)
        return cell


def _pid_of(pidfd: int) -> int:
    """As our own process namespace has it."""
    with open(f"/proc/self/fdinfo/{pidfd}") as file:
        return int(dict(line.split(":\t", 1) for line in file)["Pid"])
