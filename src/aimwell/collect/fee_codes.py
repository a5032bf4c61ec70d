"""Product codes that are no goods in most shops: postage, fees, charges, corrections by hand.

It is a guess: `aimwell collect orders --guess` takes it and says so, `--not-goods PATTERN` replaces it, and a source definition says its
own with `not_goods_pattern`. Each code is matched as a whole, in large and small letters; a code with a number in it, as `POST12`, is
a product.
"""

from __future__ import annotations

__all__ = ["FEE_CODES", "FEE_PATTERN"]

FEE_CODES: tuple[str, ...] = (
    "POST",
    "POSTAGE",
    "POSTAGE AND PACKING",
    "P&P",
    "DOT",
    "DOTCOM POSTAGE",
    "SHIP",
    "SHIPPING",
    "SHIPPING FEE",
    "DELIVERY",
    "DELIVERY CHARGE",
    "FREIGHT",
    "CARRIAGE",
    "HANDLING",
    "BANK CHARGES",
    "AMAZONFEE",
    "AMAZON FEE",
    "FEE",
    "SERVICE FEE",
    "SURCHARGE",
    "M",
    "MANUAL",
    "ADJUST",
    "ADJUSTMENT",
    "DISCOUNT",
    "ROUNDING",
    "VERSAND",
    "VERSANDKOSTEN",
    "PORTO",
    "FRAIS DE PORT",
    "GASTOS DE ENVIO",
    "VERZENDKOSTEN",
)

FEE_PATTERN = f"(?i)^({'|'.join(FEE_CODES)})$"
"""The codes as `not_goods_pattern` takes them."""
