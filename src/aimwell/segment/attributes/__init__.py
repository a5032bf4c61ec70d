"""Attributes of people as columns that models learn from."""
