"""What an offer earns through each person's predicted channel over the same offer through one channel to everybody.

Judged by the campaign's past experiment with all other policies, and told for each offer by itself: whether the offer is worth sending at
all, or another one is better, is another question, which the plan's policy answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aimwell.decide.channel_choice import offers_through, rules_of
from aimwell.decide.policies.candidates import constant_candidates
from aimwell.decide.policies.choosing import Choice, choose
from aimwell.decide.policies.judging import Judgement
from aimwell.decide.policies.words import gain_words, worth_words
from aimwell.definitions.kinds.campaign import Action
from aimwell.errors import DecideError

__all__ = ["ChannelWorth", "channel_worth"]

_WORTH_SHARE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class ChannelWorth:
    """What a past experiment says.

    Args:
        offers: Offer (None: of messages without one) → the choice between its channels and the predicted ones.
        untold: Offer → why the experiment cannot tell what any of its channels earns.
    """

    offers: dict[str | None, Choice]
    untold: dict[str | None, str] = field(default_factory=dict)

    @property
    def given_up(self) -> bool:
        """Whether of every offer a gain that would be worth it is ruled out."""
        return not self.untold and all(
            one.verdict == "does not pay" for one in self.offers.values()
        )

    @property
    def words(self) -> tuple[str, ...]:
        """A sentence an offer, for a reader."""
        told = [_sentence(offer, one) for offer, one in self.offers.items()]
        return (*told, *(f"{_what(offer)}: {why}" for offer, why in self.untold.items()))

    def to_dict(self) -> dict[str, Any]:
        """For the plan's summary."""
        return {
            "given_up": self.given_up,
            "words": list(self.words),
            "verdicts": {offer or "": one.verdict for offer, one in self.offers.items()},
        }


def channel_worth(
    judgement: Judgement,
    actions: Sequence[Action],
    *,
    gain: float | None,
    seed: int,
    currency: str | None = None,
) -> ChannelWorth | None:
    """Of a judgement with the candidates of `channel_rules` among others; None where no offer can be told of.

    Args:
        judgement: Of a past experiment.
        actions: Of the campaign.
        gain: The smallest gain per person that counts; default: a twentieth of what the offer earns through its best channel.
        seed: Of the intervals' quantiles, which are drawn.
        currency: Of what is gained; None: it is not money.
    """
    found: dict[str | None, Choice] = {}
    untold: dict[str | None, str] = {}
    constant = constant_candidates(judgement.arms)
    for offer, through in offers_through(actions, judgement.arms).items():
        constants = [constant[arm].name for arm in through.values()]
        names = {*constants, *(one.name for one in rules_of(offer, through))}
        of_offer = replace(
            judgement, candidates=tuple(one for one in judgement.candidates if one.name in names)
        )
        values = [of_offer.find(one).value.doubly_robust.estimate for one in constants]
        best = max((one for one in values if one is not None), default=0.0)
        least = max(0.0, _WORTH_SHARE * best) if gain is None else gain
        try:
            found[offer] = choose(of_offer, worth=least, seed=seed, currency=currency)
        except DecideError as error:
            untold[offer] = str(error)
    return ChannelWorth(found, untold) if found else None


def _sentence(offer: str | None, choice: Choice) -> str:
    what, gain = _what(offer), choice.gain
    if gain.estimate is None or gain.lower is None or gain.upper is None:
        if choice.verdict == "cannot tell":
            return f"{what}: we cannot tell whether that pays, {gain.reason}."
        return f"{what} is the same as '{choice.best_constant}'."
    told = f"{gain_words(gain, choice.currency)} over '{choice.best_constant}'"
    if choice.verdict == "personalise":
        return f"{what} pays: {told}."
    if choice.verdict == "does not pay":
        return f"{what} does not pay: {told}, and a gain under {worth_words(choice.worth, gain, choice.currency)} is not worth it."
    more = "more people are" if choice.more is None else f"{choice.more:,} more are"
    return f"{what}: {told}; we cannot tell yet whether that pays, {more} needed."


def _what(offer: str | None) -> str:
    if offer is None:
        return "Through the predicted channel"
    return f"'{offer}' through the predicted channel"
