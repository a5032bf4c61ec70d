"""The documents that people write: typed schemas, all faults at once, revisions."""
