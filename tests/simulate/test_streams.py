import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aimwell.simulate.streams import stream

keys = st.tuples(
    st.integers(0, 2**63 - 1), st.text(max_size=12), st.integers(0, 10_000), st.integers(0, 50)
)


def _draw(key):
    seed, purpose, cell, occurrence = key
    return stream(seed, purpose, cell=cell, occurrence=occurrence).random(4)


@given(keys)
def test_the_same_key_gives_the_same_numbers(key):
    assert np.array_equal(_draw(key), _draw(key))


@given(keys, st.integers(0, 3))
def test_another_key_gives_other_numbers(key, place):
    other = list(key)
    other[place] = key[place] + ("x" if place == 1 else 1)
    assert not np.array_equal(_draw(key), _draw(tuple(other)))
