"""Ready-made sources are right definitions, and told by name."""

from __future__ import annotations

import pytest

from aimwell.collect.ready_made import list_templates, read_template
from aimwell.definitions.catalogue import check
from aimwell.errors import UnknownDefinitionError
from vendor_exports import documents

NAMES = [one.name for one in list_templates()]


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_right_definition_that_says_where_it_comes_from(name: str) -> None:
    text = read_template(name)
    for document in documents(name):
        definition = check(document)
        if document["kind"] == "source":
            assert definition.name == name, "it is called as its template"
        assert check(definition.document()) == definition
    assert text.startswith("# ")
    assert "http" in text or name in ("social-engagement", "point-of-sale")


def test_an_unknown_one_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownDefinitionError, match="Did you mean 'stripe'"):
        read_template("strip")
    for name in ("../secret", "", "quality.html"):  # a page lies in the same folder
        with pytest.raises(UnknownDefinitionError, match=r"There is no ready-made source") as told:
            read_template(name)
        assert "quality.html" not in str(told.value).removeprefix(
            f"There is no ready-made source '{name}'."
        )
