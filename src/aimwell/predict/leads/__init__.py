"""Leads: prospects and firms that may order for the first time."""
