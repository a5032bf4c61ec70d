"""From identifiers to people: which origins are one profile, and what is known of each profile now."""
