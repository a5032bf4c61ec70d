"""Personas: groups of people with a face."""
