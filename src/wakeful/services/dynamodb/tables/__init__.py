"""Tables as a whole: made, changed, described, tagged and deleted; their indexes filled, their items expiring."""
