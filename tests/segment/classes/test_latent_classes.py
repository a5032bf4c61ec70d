"""Latent classes: found again where they are, denied where they are not, others placed only where that can be told."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from aimwell.errors import SegmentError
from aimwell.segment.classes.choice import choose_classes
from aimwell.segment.classes.latent_classes import MISSING, AnswerSheet, Item, fit_classes
from aimwell.segment.classes.model import ClassModel, find_classes
from aimwell.segment.classes.typing_model import TypingModel, fit_typing
from aimwell.stats.resampling import adjusted_rand_index

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)


def survey(seed: int, people: int = 600, items: int = 12) -> tuple[AnswerSheet, np.ndarray]:
    """Three kinds of people, who like the first, the second or the last third of the items; a sixth of the answers missing."""
    draw = np.random.default_rng(seed)
    truth = draw.choice(3, people, p=[0.5, 0.3, 0.2])
    likes = truth[:, None] == (np.arange(items) * 3 // items)[None, :]
    codes = np.where(likes, draw.choice(5, likes.shape, p=[0.01, 0.02, 0.07, 0.4, 0.5]), 0)
    codes = np.where(likes, codes, draw.choice(5, likes.shape, p=[0.45, 0.35, 0.12, 0.05, 0.03]))
    codes[draw.random(codes.shape) < 1 / 6] = MISSING
    return AnswerSheet(tuple(Item(f"q{n}", tuple("12345")) for n in range(items)), codes), truth


def names(count: int) -> pa.Array:
    return pa.array([f"p{number:05}" for number in range(count)])


def test_known_classes_are_found_again_and_named(seed: int) -> None:
    sheet, truth = survey(seed)
    result = find_classes(
        sheet, names(len(sheet)), name="kinds", survey="likes", as_of=AS_OF, seed=1, largest=5
    )
    model = result.model
    assert model is not None, result.reason
    assert result.assignments is not None
    assert len(model.names) == 3
    rows = {row["profile_id"]: row["cluster"] for row in result.assignments.to_pylist()}
    assert len(rows) > 0.95 * len(sheet)
    whose = [int(name[1:]) for name in rows]
    assert adjusted_rand_index(truth[whose], list(rows.values())) >= 0.9
    assert model.fit.shares == pytest.approx([0.5, 0.3, 0.2], abs=0.06)
    assert len(set(model.names)) == 3
    assert all("high" in name.lower() for name in model.names)
    again = ClassModel.from_json(model.to_json())
    assert again.to_json() == model.to_json()
    with pytest.raises(SegmentError, match="Fit it anew"):
        ClassModel.from_json("{}")


def test_answers_that_do_not_hang_together_show_no_classes(seed: int) -> None:
    sheet, _truth = survey(seed)
    draw = np.random.default_rng(seed)
    mixed = np.column_stack([draw.permutation(column) for column in sheet.codes.T])
    found = choose_classes(AnswerSheet(sheet.items, mixed), seed=1, largest=3)
    assert found.number is None
    assert "no better than one class" in found.reason


def test_chances_are_those_of_the_answers_given_where_classes_are_known() -> None:
    """One class: the chance of an answer is its share among those given, missing ones aside."""
    codes = np.array([[0, 1], [0, MISSING], [1, 1], [0, 0]])
    sheet = AnswerSheet((Item("a", ("n", "y")), Item("b", ("n", "y"))), codes)
    fit = fit_classes(sheet, 1, seed=1)
    assert fit.chances[0] == pytest.approx([3 / 4, 1 / 4, 1 / 3, 2 / 3], abs=0.01)
    assert fit.converged
    assert fit.parameters(sheet.items) == 2
    expected = 3 * np.log(3 / 4) + np.log(1 / 4) + np.log(1 / 3) + 2 * np.log(2 / 3)
    assert fit.log_likelihood == pytest.approx(expected, abs=0.01)


def test_too_few_answers_show_nothing() -> None:
    sheet, _truth = survey(1, people=30)
    assert "30 people answered" in choose_classes(sheet, seed=1).reason


def test_degrees_of_one_thing_are_told_from_kinds(seed: int) -> None:
    draw = np.random.default_rng(seed)
    level = draw.choice(2, 600)
    low, high = [0.4, 0.3, 0.2, 0.07, 0.03], [0.03, 0.07, 0.2, 0.3, 0.4]
    codes = np.array([draw.choice(5, 8, p=high if one else low) for one in level])
    sheet = AnswerSheet(tuple(Item(f"q{n}", tuple("12345")) for n in range(8)), codes)
    degrees = find_classes(
        sheet, names(600), name="x", survey="s", as_of=AS_OF, seed=1, number=2
    ).model
    assert degrees is not None
    assert "degrees rather than kinds" in " ".join(degrees.notes)
    kinds, _truth = survey(seed)
    other = find_classes(
        kinds, names(len(kinds)), name="x", survey="s", as_of=AS_OF, seed=1, number=3
    ).model
    assert other is not None
    assert not other.notes


def known(seed: int, truth: np.ndarray, *, telling: bool) -> pa.Table:
    draw = np.random.default_rng(seed)
    base = truth if telling else draw.permutation(truth)
    return pa.table(
        {
            "profile_id": names(len(truth)),
            "trait:age": 30.0 + 8 * base + draw.normal(size=len(truth)) * 5,
            "trait:drink": np.array(["tea", "coffee", "mate"], dtype=object)[
                np.where(draw.random(len(truth)) < 0.3, draw.integers(0, 3, len(truth)), base)
            ],
        }
    )


def test_those_who_did_not_answer_are_placed_with_an_honest_error_rate(seed: int) -> None:
    _sheet, truth = survey(seed, people=1_200)
    table = known(seed, truth, telling=True)
    columns = ("trait:age", "trait:drink")
    model = fit_typing(table.slice(0, 800), columns, truth[:800], 3, seed=1)
    assert isinstance(model, TypingModel)
    assert model.tells
    assert model.error < 0.3 < model.dull
    placed = model.probabilities(table.slice(800)).argmax(1)
    assert float((placed != truth[800:]).mean()) == pytest.approx(model.error, abs=0.06)
    assert TypingModel.from_dict(model.to_dict()).sentence == model.sentence


def test_where_nothing_tells_nobody_is_placed(seed: int) -> None:
    sheet, truth = survey(seed)
    table = known(seed, truth, telling=False)
    result = find_classes(
        sheet,
        names(len(sheet)),
        name="x",
        survey="s",
        as_of=AS_OF,
        seed=1,
        number=3,
        known=table,
        columns=("trait:age", "trait:drink"),
    )
    assert result.model is not None
    assert "cannot be placed" in " ".join(result.model.notes)
    assert result.model.place(table).num_rows == 0
    small = fit_typing(table.slice(0, 12), ("trait:age",), truth[:12], 3, seed=1)
    assert isinstance(small, str)
    assert "it takes 10" in small
