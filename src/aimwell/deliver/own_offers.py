"""What an offer says to one person alone: a code of their own, and until when it holds for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.model import Plan
from aimwell.decide.offers.codes import codes_of
from aimwell.deliver.fields import shared_fields
from aimwell.store.stores import Stores

__all__ = ["OwnOffers"]


class OwnOffers:
    """The offers of one plan's people."""

    def __init__(self, stores: Stores, plan: Plan, parts: CampaignParts) -> None:
        self._stores, self._plan = stores, plan
        self._said: dict[str, dict[str, object]] = {}
        self._offers = {}
        for action in parts.campaign.actions:
            offer = None if action.offer is None else parts.offers[action.offer]
            if offer is not None and (offer.codes is not None or offer.valid_for is not None):
                fields = shared_fields(parts, action, currency=stores.settings.currency)
                said = fields["offer"]
                self._said[action.key] = dict(said) if isinstance(said, dict) else {}
                self._offers[action.key] = offer

    def fields(
        self, people: Sequence[tuple[str, str]], *, now: datetime
    ) -> dict[tuple[str, str], dict[str, object]]:
        """(action, profile) → the fields of the person alone; who should have a code and has none does not stand there.

        A trial hands out no codes, so it shows what a preview shows.
        """
        codes: dict[tuple[str, str], str] = {}
        pooled = {key for key, offer in self._offers.items() if offer.codes is not None}
        if pooled and not self._plan.trial:
            with self._stores.read_control() as connection:
                whose = [profile for action, profile in people if action in pooled]
                codes = codes_of(connection, self._plan.plan_id, whose)
        found: dict[tuple[str, str], dict[str, object]] = {}
        for action, profile in people:
            offer = self._offers.get(action)
            if offer is None:
                found[action, profile] = {}
                continue
            said = dict(self._said[action])
            if action in pooled and not self._plan.trial:
                code = codes.get((offer.name, profile))
                if code is None:
                    continue
                said["code"] = code
            if (ends := offer.ends_at(now)) is not None:
                said["ends"] = ends
            found[action, profile] = {"offer": said}
        return found
