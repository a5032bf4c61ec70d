"""A sequence model as files: a few facts for the manifest, and its weights as NumPy's arrays, which hold numbers only."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from aimwell.errors import ModelFileError
from aimwell.predict.deep.model import Network, SequenceModel
from aimwell.predict.deep.sequences import Reading

__all__ = ["WEIGHTS", "SequenceFacts", "sequence_facts", "sequence_model", "weights_file"]

WEIGHTS = "weights.npz"


@dataclass(frozen=True, slots=True)
class SequenceFacts:
    """What the manifest holds; see `SequenceModel`."""

    network: Network
    reading: Reading
    ends: tuple[int, ...]
    trained_as_of: datetime


def sequence_facts(model: SequenceModel) -> SequenceFacts:
    """The facts of a model."""
    return SequenceFacts(model.network, model.reading, model.ends, model.trained_as_of)


def weights_file(model: SequenceModel) -> bytes:
    """The weights of a model; the same weights give the same bytes."""
    held = io.BytesIO()
    np.savez(
        held, allow_pickle=False, **{name: model.weights[name] for name in sorted(model.weights)}
    )
    return held.getvalue()


def sequence_model(facts: SequenceFacts, content: bytes) -> SequenceModel:
    """A model from a file whose hash was compared.

    Raises:
        ModelFileError: It does not hold finite arrays of 32-bit floats.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as held:
            weights = {name: held[name] for name in held.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"The file {WEIGHTS} does not hold arrays of numbers.") from error
    for name, values in weights.items():
        if values.dtype != np.float32 or not np.isfinite(values).all():
            raise ModelFileError(
                f"The weights '{name}' in {WEIGHTS} are not finite 32-bit floats. Train the model anew."
            )
    return SequenceModel(facts.network, facts.reading, facts.ends, facts.trained_as_of, weights)
