"""Mappings on streams: each shard is followed from a checkpoint, in order, and what fails is tried again or let go."""
