"""Who gets a processor, and who goes when memory is short."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from wakeful.environments.jail import balance
from wakeful.environments.jail.cells import Cell


@dataclass(eq=False)
class Room:
    """What is asked of a cell."""

    tenant: str
    held_bytes: int = 0
    weight: float = 1.0
    is_frozen: bool = False
    told: list[float] = field(default_factory=list)

    @property
    def group(self) -> Any:
        return self

    def weigh_cpu(self, weight: float) -> None:
        self.told.append(weight)


def rooms(*tenants: str) -> list[Cell]:
    return [cast(Cell, Room(tenant)) for tenant in tenants]


@given(st.lists(st.sampled_from("abc"), min_size=1))
def test_every_tenant_weighs_the_same_in_however_many_sandboxes(tenants: list[str]) -> None:
    cells = rooms(*tenants)
    balance.weigh(cells)
    for tenant in set(tenants):
        assert abs(sum(cell.weight for cell in cells if cell.tenant == tenant) - 1) < 1e-9


def test_what_does_not_change_is_not_said_again() -> None:
    cells = rooms("a", "a", "b")
    balance.weigh(cells)
    balance.weigh(cells)
    balance.weigh(cells[1:])
    assert [cast(Room, cell).told for cell in cells] == [[0.5], [0.5, 1.0], []]


def test_when_memory_is_short_the_largest_of_the_tenant_that_holds_most_goes() -> None:
    cells = rooms("a", "b", "b", "b")
    for cell, held in zip(cells, (90, 40, 50, 30), strict=True):
        cell.held_bytes = held
    assert balance.heaviest(cells, 210) is None
    assert balance.heaviest(cells, 209) is cells[2]
    cells[3].is_frozen = True
    assert balance.heaviest(cells, 209) is cells[3]
    assert balance.heaviest(cells, 210) is None
    assert balance.heaviest([], 0) is None


def test_nothing_ends_before_the_node_had_the_time_to_give_up_what_is_idle() -> None:
    cells = rooms("a", "b")
    for cell in cells:
        cell.held_bytes = 2 << 20
    pressure = balance.Pressure(3)
    found = [pressure.falls_on(cells) for _ in range(7)]
    assert found[:5] == [None] * 5
    assert found[5] in cells
    cells[0].held_bytes = 0
    assert pressure.falls_on(cells) is None
    cells[0].held_bytes = 2 << 20
    assert pressure.falls_on(cells) is None
    assert balance.Pressure(None).falls_on(cells) is None
