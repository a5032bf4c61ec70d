"""Every kind of stored model, every file of it: with one byte changed it is refused before anything reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from aimwell.errors import ModelFileError
from aimwell.predict import artifacts
from aimwell.predict.artifacts import Model, load_model, save_model
from aimwell.predict.beta_binomial import BetaBinomial
from aimwell.predict.bgnbd import BgNbd
from aimwell.predict.calibration import fit_calibrator
from aimwell.predict.deep.model import SequenceModel
from aimwell.predict.deep.sequences import Reading
from aimwell.predict.demand.promised import Promised
from aimwell.predict.gamma_gamma import GammaGamma
from aimwell.predict.learners import learners
from aimwell.predict.mbgnbd import MbgNbd
from aimwell.predict.pareto_nbd import ParetoNbd
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.recommend.catalogue import Catalogue
from aimwell.predict.recommend.fitting import fit_recommenders
from aimwell.predict.reference import Reference
from aimwell.predict.responding.channel_laws import ChannelLaws
from aimwell.predict.spend import fit_spend
from aimwell.predict.tables import FeatureTable
from aimwell.predict.timing.paces import Paces
from aimwell.predict.timing.renewal import Renewal
from aimwell.predict.timing.time_laws import TimeLaw, TimeLaws
from aimwell.stats.drift import spread
from made_interactions import random_interactions

MOMENT, HORIZON = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=30)
LAW, PACE = BetaBinomial(0.2, 3.0), Renewal(3.0, 0.5, 0.5, 1.0, 4.0)


def people() -> FeatureTable:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(600, 2))
    return FeatureTable(("a", "b"), values, MOMENT, HORIZON, values[:, 0] > rng.normal(size=600))


def propensity(kind: Any) -> PropensityModel:
    table = people()
    learner = learners(0, (kind,))[-1]
    scorer = learner.fit(table.values, table.happened)
    calibrator = fit_calibrator(scorer.score(table.values), table.happened, method="sigmoid")
    return PropensityModel(learner.name, table.names, HORIZON, MOMENT, scorer, calibrator)


def recommender(method: Any) -> Model:
    before = random_interactions(40, 12, seed=1)
    unknown = Catalogue.unknown(before.skus)
    return fit_recommenders(before, unknown, [method], horizon_days=30)[method]


MODELS: Mapping[str, Callable[[], Model]] = {
    **{
        f"propensity by {kind}": lambda kind=kind: propensity(kind)  # type: ignore[misc]
        for kind in ("rule", "logistic", "forest", "boosted", "xgboost")
    },
    "spend": lambda: fit_spend(people(), np.maximum(people().values[:, 0], 0.0)),
    "BG/NBD": lambda: BgNbd(r_=0.2, alpha_=4.0, a_=0.8, b_=2.4),
    "MBG/NBD": lambda: MbgNbd(r_=0.5, alpha_=6.0, a_=0.9, b_=1.6),
    "Pareto/NBD": lambda: ParetoNbd(r_=0.5, alpha_=10.0, s_=0.6, beta_=11.0),
    "spend of a purchase": lambda: GammaGamma(6.0, 4.0, 15.0),
    "paces": lambda: Paces(PACE, {"mug": PACE}),
    "recommender by factors": lambda: recommender("matrix factorisation"),
    "recommender by neighbours": lambda: recommender("item-to-item, cosine"),
    "network": lambda: SequenceModel(
        "gru",
        Reading(("Order Completed",), 4, 10.0, seasonal=False),
        (7, 30),
        MOMENT,
        {"w": np.ones((3, 2), dtype=np.float32)},
    ),
    "channels": lambda: ChannelLaws({"email": LAW, "sms": LAW}),
    "leaning to discounts": lambda: LAW,
    "best times": lambda: TimeLaws(TimeLaw((1 / 7,) * 7, 5.0), None),
    "demand": lambda: Promised(("mug",), (3.0,), (1.0,), (6.0,)),
    "reference": lambda: Reference(MOMENT, {}, spread(np.arange(50) / 50)),
}


def test_every_kind_that_can_be_stored_is_here() -> None:
    made = [make() for name, make in MODELS.items() if not name.startswith("propensity by xg")]
    for kind in get_args(Model):
        assert any(isinstance(one, kind) for one in made), kind


@pytest.mark.parametrize("kind", MODELS)
def test_one_changed_byte_in_any_file_is_refused_unread(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MODELS[kind]()
    hashes = save_model(model, tmp_path / "1")
    assert load_model(tmp_path / "1", type(model), hashes=hashes) is not model

    def read(files: object) -> None:
        raise AssertionError("It was read.")

    monkeypatch.setattr(artifacts, "_read", read)
    for name in hashes:
        file = tmp_path / "1" / name
        whole = file.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            changed = bytearray(whole)
            changed[place] ^= 1
            file.write_bytes(changed)
            with pytest.raises(ModelFileError, match=f"{name} of the model .* its hash differs"):
                load_model(tmp_path / "1", type(model), hashes=hashes)
        file.write_bytes(whole)
    with pytest.raises(AssertionError, match="It was read"):
        load_model(tmp_path / "1", type(model), hashes=hashes)
