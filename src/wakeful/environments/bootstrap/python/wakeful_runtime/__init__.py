"""The runtime client: asks the Runtime API for events, calls the handler, answers."""
