"""Whether groups are real: they hold, can be tested, and do not stand in for what nobody may be divided by."""
