"""From a rule's text to its document, by precedence climbing (Pratt): `or` binds loosest, then `and`, then `not`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from aimwell.definitions.rule_reading import DEPTH_MAX
from aimwell.definitions.rule_text.tokens import COMPARISONS, KEYWORDS, Token, fault, tokens
from aimwell.errors import nearest

__all__ = ["EVENT_WORDS", "parse_rule", "parse_value", "place_of"]

EVENT_WORDS = {"orders": "Order Completed", "returns": "Order Refunded"}
"""Short words for events that every shop has."""

_JOINS = {"or": (1, "any"), "and": (2, "all")}
_COUNTS = {"==": "exactly", ">=": "at_least", "<=": "at_most"}


@dataclass(frozen=True)
class _Placed:
    """A value of the document with the word at which it begins; `value` holds such values in turn."""

    value: Any
    token: Token


def parse_rule(text: str, kinds: Collection[str]) -> dict[str, Any]:
    """The document of a rule.

    Args:
        text: As somebody wrote it.
        kinds: Keys of all leaves.

    Raises:
        ValueError: With line and column, what is wrong and what is allowed there.
    """
    found = _plain(_Parser(text, kinds).whole())
    assert isinstance(found, dict)  # noqa: S101 - a rule is a mapping
    return found


def parse_value(text: str) -> Any:
    """A value as it is written within a rule. Raises ValueError."""
    return _plain(_Parser(text, ()).single())


def place_of(text: str, path: str, kinds: Collection[str]) -> tuple[int, int]:
    """Line and column of what a path of the document ('rule.all[0].count') names, or of the nearest thing around it."""
    here = _Parser(text, kinds).whole()
    for step in path.replace("[", ".[").split(".")[1:]:
        inside = here.value
        if step.startswith("[") and isinstance(inside, list):
            number = int(step[1:-1])
            below = inside[number] if number < len(inside) else None
        else:
            below = inside.get(step) if isinstance(inside, dict) else None
        if below is None:
            break
        here = below
    return here.token.line, here.token.column


def _plain(placed: _Placed) -> Any:
    if isinstance(placed.value, dict):
        return {key: _plain(value) for key, value in placed.value.items()}
    if isinstance(placed.value, list):
        return [_plain(value) for value in placed.value]
    return placed.value


class _Parser:
    def __init__(self, text: str, kinds: Collection[str]) -> None:
        self._tokens = list(tokens(text))
        self._place = 0
        self._kinds = kinds
        self._depth = 0

    # --- words ------------------------------------------------------------------------------------------

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        if token.kind != "end":
            self._place += 1
        return token

    def _at(self, text: str) -> bool:
        return self._next.text == text and self._next.kind in ("sign", "word")

    def _skip(self, text: str) -> bool:
        if self._at(text):
            self._take()
            return True
        return False

    def _expect(self, text: str, why: str) -> Token:
        if not self._at(text):
            raise self._unexpected(f"'{text}' {why}")
        return self._take()

    def _unexpected(self, allowed: str) -> ValueError:
        token = self._next
        found = "the text ends" if token.kind == "end" else f"'{token.text}' stands"
        return fault(token, f"{found} where {allowed} is expected")

    # --- rules ------------------------------------------------------------------------------------------

    def whole(self) -> _Placed:
        rule = self._rule(0)
        if self._next.kind != "end":
            raise self._unexpected("`and`, `or`, a comparison or the end of the rule")
        return rule

    def single(self) -> _Placed:
        value = self._value()
        if self._next.kind != "end":
            raise self._unexpected("the end of the value")
        return value

    def _rule(self, binding: int) -> _Placed:
        self._depth += 1
        if self._depth > 2 * DEPTH_MAX:
            raise fault(self._next, f"a rule has at most {DEPTH_MAX} levels")
        left = self._operand()
        while self._next.kind == "word" and self._next.text in _JOINS:
            strength, key = _JOINS[self._next.text]
            if strength <= binding:
                break
            word, parts = self._next.text, [left]
            while self._skip(word):
                parts.append(self._rule(strength))
            left = _Placed({key: _Placed(parts, left.token)}, left.token)
        self._depth -= 1
        return left

    def _operand(self) -> _Placed:
        token = self._next
        if self._skip("not"):
            return _Placed({"not": self._rule(3)}, token)
        if self._skip("("):
            rule = self._rule(0)
            self._expect(")", "that closes the bracket")
            return rule
        if token.kind == "word" and token.text in ("all", "any"):
            return self._group(self._take())
        return self._leaf()

    def _group(self, token: Token) -> _Placed:
        self._expect("(", f"with the rules of `{token.text}`")
        parts = [self._rule(0)]
        while self._skip(","):
            parts.append(self._rule(0))
        self._expect(")", "that closes the bracket")
        return _Placed({token.text: _Placed(parts, token)}, token)

    def _leaf(self) -> _Placed:
        token = self._next
        if token.kind not in ("word", "text") or (token.kind == "word" and token.text in KEYWORDS):
            raise self._unexpected("a trait, an event or another leaf")
        self._take()
        if self._at("."):
            return self._event(token)
        if token.kind == "word" and self._at("("):
            return self._compared(self._call(token), token)
        leaf = {"trait": _Placed(token.value, token)}
        return self._compared(leaf, token, needed=f"after the trait '{token.value}'")

    def _call(self, token: Token) -> dict[str, _Placed]:
        if token.text not in self._kinds:
            raise fault(
                token, f"there is no leaf '{token.text}'. {nearest(token.text, list(self._kinds))}"
            )
        self._take()
        first, named = self._arguments()
        if first is None:
            return {token.text: _Placed(named, token)}
        return self._beside({token.text: first}, named)

    def _event(self, token: Token) -> _Placed:
        self._take()
        what = self._take()
        if what.text not in ("count", "sum") or what.kind != "word":
            hint = nearest(what.text, ["count", "sum"])
            raise fault(what, f"after an event and a point comes count(…) or sum(…). {hint}")
        self._expect("(", f"after `{what.text}`")
        first, named = self._arguments()
        name = EVENT_WORDS.get(token.text, token.value) if token.kind == "word" else token.value
        leaf = self._beside({"event": _Placed(name, token)}, named)
        if what.text == "sum":
            if first is None:
                raise fault(what, "sum(…) needs a field first, as sum(revenue, within: 90d)")
            amount = self._compared({"of": first}, what, needed="after a sum")
            return _Placed(self._beside(leaf, {"sum": amount}), token)
        if first is not None:
            raise fault(first.token, "count(…) takes names with values only, as count(within: 90d)")
        return _Placed(self._beside(leaf, {"count": self._often(what)}), token)

    def _often(self, what: Token) -> _Placed:
        sign = self._take()
        number = self._take()
        if sign.text not in (*_COUNTS, ">", "<") or number.kind not in ("number", "parameter"):
            raise fault(sign, "after a count comes a limit as >= 2, <= 5, == 0, > 1 or < 3")
        if sign.text in _COUNTS:
            return _Placed({_COUNTS[sign.text]: _Placed(number.value, number)}, what)
        if not isinstance(number.value, int):
            raise fault(sign, "write >= or <= here")
        key, step = ("at_least", 1) if sign.text == ">" else ("at_most", -1)
        return _Placed({key: _Placed(number.value + step, number)}, what)

    def _beside(self, leaf: dict[str, _Placed], named: dict[str, _Placed]) -> dict[str, _Placed]:
        for name, value in named.items():
            if name in leaf:
                raise fault(value.token, f"`{name}` is said twice")
        return {**leaf, **named}

    # --- comparisons ------------------------------------------------------------------------------------

    def _compared(self, leaf: dict[str, _Placed], token: Token, *, needed: str = "") -> _Placed:
        sign = self._next
        if self._skip("!="):
            other = self._beside(leaf, {"is": self._value()})
            return _Placed({"not": _Placed(other, token)}, token)
        comparison = self._comparison()
        if comparison is None:
            if needed:
                signs = ", ".join([*COMPARISONS, "!=", "exists", "missing"])
                raise self._unexpected(f"one of {signs} {needed}")
            return _Placed(leaf, token)
        key, value = comparison
        if key in leaf:
            raise fault(sign, f"`{key}` is said twice")
        return _Placed({**leaf, key: value}, token)

    def _comparison(self) -> tuple[str, _Placed] | None:
        token = self._next
        if token.kind not in ("sign", "word"):
            return None
        if token.text in ("exists", "missing"):
            self._take()
            return "exists", _Placed(token.text == "exists", token)
        if token.text == "=":
            raise fault(token, "equality is written ==")
        if token.text not in COMPARISONS:
            return None
        self._take()
        return COMPARISONS[token.text], self._value()

    # --- values -----------------------------------------------------------------------------------------

    def _arguments(self) -> tuple[_Placed | None, dict[str, _Placed]]:
        """What stands in round brackets, the first of them taken already or next: a value, and names with values."""
        self._skip("(")
        first: _Placed | None = None
        if not self._at(")") and not self._named_ahead():
            first = self._value()
            if not self._at(")"):
                self._expect(",", "or ')' after a value")
        named = self._entries(")")
        return first, named

    def _named_ahead(self) -> bool:
        """Whether a name with a value comes, and no value by itself."""
        ahead = self._place
        if self._tokens[ahead].kind not in ("word", "text"):
            return False
        ahead += 1
        while self._tokens[ahead].text == "." and self._tokens[ahead + 1].kind == "word":
            ahead += 2
        after = self._tokens[ahead]
        signs = (":", "=", *COMPARISONS, "exists", "missing")
        return after.kind in ("sign", "word") and after.text in signs

    def _entries(self, end: str) -> dict[str, _Placed]:
        found: dict[str, _Placed] = {}
        while not self._skip(end):
            token = self._next
            name = self._name()
            if name in found:
                raise fault(token, f"`{name}` is said twice")
            comparison = None if self._at(":") else self._comparison()
            if comparison is not None:
                found[name] = _Placed({comparison[0]: comparison[1]}, token)
            else:
                self._expect(":", f"or a comparison after `{name}`")
                found[name] = self._value()
            if not self._at(end):
                self._expect(",", f"or '{end}'")
        return found

    def _name(self) -> str:
        token = self._next
        if token.kind not in ("word", "text"):
            raise self._unexpected("a name")
        self._take()
        name = str(token.text if token.kind == "word" else token.value)
        while token.kind == "word" and self._skip("."):
            if self._next.kind != "word":
                raise self._unexpected("a name")
            name = f"{name}.{self._take().text}"
        return name

    def _value(self) -> _Placed:
        token = self._next
        self._depth += 1
        if self._depth > 2 * DEPTH_MAX:
            raise fault(token, f"a rule has at most {DEPTH_MAX} levels")
        try:
            if self._skip("["):
                return _Placed(self._items(), token)
            if self._skip("{"):
                return _Placed(self._entries("}"), token)
        finally:
            self._depth -= 1
        allowed = token.kind in ("text", "date", "duration", "number", "parameter") or (
            token.kind == "word" and token.text in ("true", "false", "null")
        )
        if not allowed and (token.kind != "word" or token.text in KEYWORDS):
            raise self._unexpected("a value (a word, a number, a text in quotation marks, [ or {)")
        self._take()
        if token.kind == "word" and self._at("."):
            self._place -= 1
            return _Placed(self._name(), token)
        return _Placed(token.value, token)

    def _items(self) -> list[_Placed]:
        items: list[_Placed] = []
        while not self._skip("]"):
            items.append(self._value())
            if not self._at("]"):
                self._expect(",", "or ']'")
        return items
