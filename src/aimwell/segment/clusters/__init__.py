"""Groups that nobody wrote a rule for: divided, judged, described by rules."""
