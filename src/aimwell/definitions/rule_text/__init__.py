"""Rules as short text: `orders.count(within: 90d) >= 2 and country in [GB, IE]` is the same tree as in YAML.

Text and documents are turned into each other without knowing the kinds of leaves, so that a new kind has a text form at once.
"""

from aimwell.definitions.rule_text.parsing import parse_rule, parse_value, place_of
from aimwell.definitions.rule_text.writing import write_rule

__all__ = ["parse_rule", "parse_value", "place_of", "write_rule"]
