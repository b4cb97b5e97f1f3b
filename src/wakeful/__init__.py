"""Wakeful: functions that sleep until an event wakes them, on your own machines, behind the AWS API."""

__version__ = "0.1.0"
