"""The CDNOW sample cut as in the literature: 39 weeks to learn from, 39 weeks to be judged on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest

from aimwell.predict.bgnbd import BgNbd, fit_bgnbd
from aimwell.predict.purchases import PurchaseHistory, count_purchases, summarise_purchases
from aimwell.stats.samples import FloatArray
from data_folder import data_path


@dataclass(frozen=True)
class Cdnow:
    """What was known on 1997-09-30, and the purchases of the 39 weeks after it."""

    history: PurchaseHistory
    holdout: FloatArray
    holdout_weeks: float = 39.0


@pytest.fixture(scope="session")
def cdnow() -> Cdnow:
    lines = data_path("cdnow-sample/CDNOW_sample.txt").read_text().split("\n")
    rows = [line.split() for line in lines if line.strip()]
    person = np.array([int(row[1]) for row in rows])
    day = np.array(
        [f"{row[2][:4]}-{row[2][4:6]}-{row[2][6:]}" for row in rows], dtype="datetime64[D]"
    )
    value = np.array([float(row[4]) for row in rows])
    calibration_end, end = date(1997, 9, 30), date(1998, 6, 30)
    people, history = summarise_purchases(person, day, value, until=calibration_end)
    holdout = count_purchases(person, day, people=people, after=calibration_end, until=end)
    return Cdnow(history, holdout)


@pytest.fixture(scope="session")
def cdnow_model(cdnow: Cdnow) -> BgNbd:
    return fit_bgnbd(cdnow.history)


@pytest.fixture(scope="session")
def published() -> BgNbd:
    """The parameters printed by Fader, Hardie & Lee (2005)."""
    return BgNbd(r_=0.243, alpha_=4.414, a_=0.793, b_=2.426)
