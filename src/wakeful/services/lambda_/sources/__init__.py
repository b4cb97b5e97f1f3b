"""Event source mappings: what is drawn from queues, and the functions that it is given to."""
