"""Occasions: when they are for whom, who buys for them, and which are too weak to act on."""
