"""The rule language: what each kind of leaf asks of the data, and a rule as a query, as a sentence, and explained."""
