"""`aimwell demo`: the whole loop on a simulated shop, with the truth beside what was measured."""
