"""Durable functions: executions that go on through steps and waits, whatever becomes of the process or the node."""
