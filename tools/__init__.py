"""Tools of the project itself: what is generated, and how."""
