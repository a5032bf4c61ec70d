"""The leaves of rules: one small module each asks the data for those who fulfil it, and says it in words."""
