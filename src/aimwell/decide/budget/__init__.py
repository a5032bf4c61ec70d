"""One budget, spent best over people, offers and channels, with the value of one more pound."""
