"""Memberships in the lake: who is in each segment, who entered and left when, kept up to date as things happen."""
