"""Texts that stand where an identifier should be and name nobody: `0`, `unknown`, `noreply@…`.

Taken for ids they would make one person of everybody who has none. A text without letters and digits counts as `-`,
one of zeros and signs alone (`000`, `00000000-0000-0000-0000-000000000000`) as `0`. Entries with an @ are the
beginnings of addresses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

__all__ = ["NOBODY", "SIGNS", "addresses_in", "bare_id", "ids_in", "is_nobody"]

NOBODY = (
    *("0", "-", "-1", "na", "n/a", "none", "null", "nil", "nan", "(null)", "(none)", "undefined"),
    *("not set", "(not set)", "no id", "unknown", "anonymous", "anonym", "anon", "guest", "nobody"),
    *("[object object]", "unbekannt", "gast", "inconnu", "desconocido", "sconosciuto"),
    *("noreply@", "no-reply@", "no_reply@", "no.reply@", "donotreply@", "do-not-reply@"),
    *("do_not_reply@", "nomail@", "noemail@", "no-email@", "nobody@", "none@", "null@", "unknown@"),
    *("undefined@", "anonymous@", "na@na.", "no@no.", "test@test.", "email@email.", "mail@mail."),
    *("guest@guest.", "abc@abc.", "xyz@xyz.", "user@user.", "asdf@", "no@email.", "no@mail."),
    *("test@example.", "email@example.", "example@example.", "user@example."),
)
"""As a source has it that says nothing else."""

SIGNS = " .,;:!?'\"`´^~*+#_=&%$§@|<>()[]{}/\\-–—"
"""Characters that are no part of an id where there is nothing else."""


def bare_id(text: str) -> str:
    """A text as it is looked up among those that name nobody."""
    if not text.strip(SIGNS):
        return "-"
    return "0" if not text.strip(SIGNS + "0") else text.lower()


def ids_in(words: Iterable[str]) -> frozenset[str]:
    """Those that stand for ids."""
    return frozenset(word.lower() for word in words if "@" not in word)


def addresses_in(words: Iterable[str]) -> tuple[str, ...]:
    """Those with which addresses begin."""
    return tuple(word.lower() for word in words if "@" in word)


def is_nobody(text: str, ids: Collection[str]) -> bool:
    """Whether an id is one of `ids`, which name nobody."""
    return bare_id(text) in ids
