"""Score cards: what each attribute tells of who will do something, and who is most like a seed audience."""
