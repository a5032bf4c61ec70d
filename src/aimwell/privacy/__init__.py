"""The vault of personal data, consent, suppression, and the keyed hashes that stand for identifiers."""
