"""Sums of each day of each campaign, kept in the control database and brought forward by what is new."""
