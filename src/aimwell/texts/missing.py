"""What a text sees in place of a field that this person does not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from liquid import Token
from liquid.exceptions import UndefinedError
from liquid.undefined import Undefined

__all__ = ["Missing", "MissingField"]


class MissingField(UndefinedError):  # noqa: N818 - the public error has that name
    """A text would print, loop over or filter a field that is missing. `known` are the fields that were there."""

    def __init__(self, field: str, *, known: tuple[str, ...], token: Token | None) -> None:
        super().__init__(f"the field '{field}' is missing", token=token)
        self.field = field
        self.known = known


class Missing(Undefined):
    """Nothing to a condition and to `default`, an error to everything else."""

    __slots__ = ("known",)

    # Liquid's `default` filter asks for this attribute.
    force_liquid_default = True

    def __init__(self, name: str, *, token: Token | None, known: tuple[str, ...] = ()) -> None:
        super().__init__(name, token=token)
        self.known = known

    def refuse(self) -> Any:
        """Raises `MissingField`."""
        raise MissingField(self.name, known=self.known, token=self.token)

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Undefined)

    def __hash__(self) -> int:
        return hash(self.name)

    def poke(self) -> bool:
        return bool(self.refuse())

    def __contains__(self, item: object) -> bool:
        return bool(self.refuse())

    def __getitem__(self, key: str) -> object:
        return self.refuse()

    def __len__(self) -> int:
        return int(self.refuse())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.refuse())

    def __str__(self) -> str:
        return str(self.refuse())

    def __int__(self) -> int:
        return int(self.refuse())
