"""Made-up addresses, so that a trial can send to people of whom no address is known.

They lie under a name that is reserved for ever and belongs to nobody (RFC 2606), so that even a mail server that is
handed one by mistake cannot deliver it.
"""

from __future__ import annotations

import hashlib

__all__ = ["TRIAL_DOMAIN", "is_made_up", "trial_address"]

TRIAL_DOMAIN = "trial.example.invalid"

_RESERVED = ("invalid", "example", "test", "localhost", "example.com", "example.net", "example.org")
_ID_CHARS = 20


def trial_address(person: str, *, salt: str = "") -> str:
    """The made-up address of a person: always the same one for the same id and salt, and it does not show the id."""
    digest = hashlib.sha256(f"trial:{salt}:{person}".encode()).hexdigest()
    return f"person-{digest[:_ID_CHARS]}@{TRIAL_DOMAIN}"


def is_made_up(address: str) -> bool:
    """Whether an address lies under a reserved name, where no mail of a real person can be."""
    domain = address.rpartition("@")[2].lower().rstrip(".")
    return any(domain == name or domain.endswith(f".{name}") for name in _RESERVED)
