"""Streams of tables: what changed, for whoever reads or follows it, and for data streams of Kinesis."""
