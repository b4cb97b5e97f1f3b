"""The bill: what ran, metered to the millisecond, and what it costs at list price."""
