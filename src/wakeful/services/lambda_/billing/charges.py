"""EstimatedCharges: what each account owes for this month so far, as CloudWatch tells it ("AWS Billing and Cost
Management Dimensions and Metrics").

It is in the namespace AWS/Billing in us-east-1, whatever the region it was caused in, under the currency alone and
under the service with the currency. AWS tells it some times a day; here it is told every hour.
"""

from __future__ import annotations

from collections import defaultdict

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node
from wakeful.services.lambda_.billing import bill, price, standing
from wakeful.store import work
from wakeful.store.metrics import family, measures
from wakeful.store.tx import Tx

KIND = "lambda.charges"
"""The kind of the one work row that does it."""

_REGION = "us-east-1"
_CURRENCY = ("Currency", "USD")
_SERVICE = ("ServiceName", "AWSLambda")
_CHARGES = measures(("EstimatedCharges", "None"))


def first(tx: Tx) -> None:
    """It is told within an hour, and what stood before it was counted is counted from now on."""
    standing.reckon_all(tx)
    work.ensure(tx, KIND, KIND, {}, due=tx.now + limits.BILL_SWEEP_S)


async def tell(node: Node, item: work.Item) -> Done | Again:
    """The worker: each account's charges of the month so far are measured, and the oldest rows forgotten."""
    now = node.clock.now()
    items: defaultdict[str, defaultdict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    for each in await bill.sums_of(node, bill.month_of(now)):
        items[each.consumer.account][each.consumer.region, each.meter] += each.units
    for account, used in items.items():
        owed = float(bill.to_be_paid(used, price.free_of(used)))
        of = family(account, _REGION, "AWS/Billing", (_CURRENCY,), (_CURRENCY, _SERVICE))
        node.telemetry.metrics.add(of, _CHARGES, now, (owed,))
    await node.store.write(standing.forget)
    return Again(now + limits.BILL_SWEEP_S)
