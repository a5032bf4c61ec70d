"""Numbered migrations of the control database, run by `upgrade`."""
