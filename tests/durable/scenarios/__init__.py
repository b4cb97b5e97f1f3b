"""Durable functions on the SDK that AWS publishes: the scenarios of its own examples, under the same names.

This package is the code of a function of the tests; the SDK lies in a layer.
"""
