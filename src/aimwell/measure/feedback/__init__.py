"""Feedback: what people say in their own words, by topic and by how satisfied they are. Their words stay in the vault."""
