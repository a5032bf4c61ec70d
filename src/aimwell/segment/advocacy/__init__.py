"""Advocacy: promoters, passives and detractors, also among those who did not answer."""
