"""Global tables: the same items in several regions."""
