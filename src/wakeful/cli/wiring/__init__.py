"""The wiring between functions, queues, topics, rules and buckets: read once, then examined by pure rules."""
