"""A shop whose true response to every promotion is known.

spec = ShopSpec(people=20_000, seed=7)
shop = open_shop(spec)
write_sources(shop, Path("shop"))                     # orders, customers, products, events
ten = Action(name="ten-percent", channel="email", discount_share=0.10)
effect = true_effect(shop, ten, sent_at=spec.end, window_days=30)
answer(shop, messages, actions=[ten], until=spec.end + timedelta(days=30)).order_lines
"""

from aimwell.simulate.accounts import people_of
from aimwell.simulate.actions import Action
from aimwell.simulate.answer import Answer, answer, answer_by_cell
from aimwell.simulate.files import AnswerCounts, SourceCounts, write_answer, write_sources
from aimwell.simulate.gain import Gain, gain_of
from aimwell.simulate.people import GROUPS
from aimwell.simulate.potential import potential_outcomes
from aimwell.simulate.shop import Shop, open_shop
from aimwell.simulate.spec import CHANNELS, Dirt, ShopSpec
from aimwell.simulate.truth import average_effect, true_effect

__all__ = [
    "CHANNELS",
    "GROUPS",
    "Action",
    "Answer",
    "AnswerCounts",
    "Dirt",
    "Gain",
    "Shop",
    "ShopSpec",
    "SourceCounts",
    "answer",
    "answer_by_cell",
    "average_effect",
    "gain_of",
    "open_shop",
    "people_of",
    "potential_outcomes",
    "true_effect",
    "write_answer",
    "write_sources",
]
