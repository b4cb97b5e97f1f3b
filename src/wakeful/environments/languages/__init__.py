"""A module for each language that Lambda has runtimes of: which, where its interpreters are, how they are run."""
