"""Delivery: what is written to people, and how it gets to them.

`content` compiles what marketers wrote, `compose` makes signed messages for batches of recipients, a `transport`
(`smtp`, `sink`, `null`) hands them over and says what became of each.
"""
