"""Aimwell: decide who should get which promotion, and prove with a control group what it earned."""

__version__ = "0.1.0"
