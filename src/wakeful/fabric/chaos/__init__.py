"""Chaos: what AWS may do to messages and invocations, and hardly ever does, made to happen on purpose."""
