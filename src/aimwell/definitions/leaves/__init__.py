"""The leaves of the rule language: one small module each says what the leaf is in a document."""
