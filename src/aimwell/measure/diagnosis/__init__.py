"""Diagnosis: at which step, in whom and through what a campaign falls short, and nothing where chance explains it."""
