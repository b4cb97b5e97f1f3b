"""One UpdateTable in hand: what of it is true at once, what by and by, and what its answer shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.tables import states
from wakeful.services.dynamodb.tables.states import Then


@dataclass(slots=True)
class Change:
    """Of the table as it was `found`. `shown` are members of the answer that the table does not have yet."""

    found: Table
    status: str | None = None
    then: Then = field(default_factory=Then)
    shown: dict[str, Any] = field(default_factory=dict)
    _set: dict[str, Any] = field(default_factory=dict)

    @property
    def definition(self) -> dict[str, Any]:
        """As it is at once."""
        changed = {**self.found.definition, **self._set}
        return {name: value for name, value in changed.items() if value is not None}

    @property
    def indexes(self) -> list[dict[str, Any]]:
        return [dict(each) for each in self.definition.get("GlobalSecondaryIndexes", ())]

    def set(self, member: str, value: Any) -> None:
        """The definition has it at once; None: it has no such member any more."""
        self._set[member] = value

    def later(self, member: str, value: Any) -> None:
        """The definition has it when the change is over."""
        self.then["set"] = {**self.then.get("set", {}), member: value}

    def set_index(self, name: str, members: Mapping[str, Any]) -> None:
        """The global index of that name has these members at once."""
        self.set("GlobalSecondaryIndexes", states.with_indexes(self.definition, {name: members}))

    def later_index(self, name: str, members: Mapping[str, Any]) -> None:
        """It has these when the change is over; None: it has no such member any more."""
        indexes = self.then.get("indexes", {})
        self.then["indexes"] = {**indexes, name: {**indexes.get(name, {}), **members}}

    def busy(self) -> None:
        """The table is UPDATING until the change is over."""
        self.status = table.UPDATING
        self.then["settled"] = True
