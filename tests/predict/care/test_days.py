"""Days that are told are the firm's, and a day that is advised is late enough."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import PredictError
from aimwell.predict.care.days import check_unseen, day_from, day_of
from aimwell.predict.care.kinds import stand_ins
from aimwell.predict.registry import RegisteredModel
from aimwell.store.stores import Stores
from shop import make_stores

LONDON = ZoneInfo("Europe/London")


@pytest.fixture(scope="module")
def london(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = make_stores(tmp_path_factory.mktemp("london"), timezone="Europe/London")
    yield stores
    stores.close()


def version(as_of: datetime) -> RegisteredModel:
    return RegisteredModel("buy", 1, "propensity", as_of, {}, {}, {}, {}, as_of)


def test_a_day_of_summer_is_the_firms(london: Stores) -> None:
    midnight = datetime(2011, 8, 31, 23, tzinfo=UTC)
    assert day_of(london, midnight) == day_from(london, midnight) == "2011-09-01"
    (words,) = stand_ins(london, [version(midnight)], midnight - timedelta(days=30)).values()
    assert "until 2011-09-01" in words
    assert "known on 2011-08-02" in words


@given(minutes=st.integers(0, 2 * 365 * 24 * 60))
def test_the_day_that_is_advised_is_the_first_that_is_taken(london: Stores, minutes: int) -> None:
    moment = datetime(2011, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    span, entry = timedelta(days=60), version(moment)
    with pytest.raises(PredictError) as refused:
        check_unseen(london, entry, cut=moment - timedelta(seconds=1), learnt=moment, span=span)
    found = re.search(r"of (\d{4}-\d\d-\d\d) or later", str(refused.value))
    assert found
    advised = datetime.fromisoformat(found[1]).replace(tzinfo=LONDON)
    check_unseen(london, entry, cut=advised.astimezone(UTC) - span, learnt=moment, span=span)
    before = (datetime.fromisoformat(found[1]) - timedelta(days=1)).replace(tzinfo=LONDON)
    assert before < moment + span
