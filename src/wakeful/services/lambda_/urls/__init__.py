"""Function URLs: a function behind an address of its own."""
