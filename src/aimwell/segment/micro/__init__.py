"""Micro-segments: the smallest groups that still respond differently."""
