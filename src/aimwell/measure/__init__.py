"""Measure: what a campaign earned, with its interval, in figures, one sentence and a page to show."""
