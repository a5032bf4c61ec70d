"""A load whose process was taken for dead while it lives, so that another one begins the same: nothing is half taken."""

from __future__ import annotations

from typing import Any

import pytest

from aimwell.collect import loads
from aimwell.collect import taking as taking_module
from aimwell.collect.loads import Load
from aimwell.errors import LeaseLostError
from collecting import COLUMNS, Shop

BODY = COLUMNS + "\n1,2026-01-05,ann,mug,1,4\n2,2026-01-05,bob,mug,1,4\n"


@pytest.mark.parametrize("ended", [False, True], ids=["the other goes on", "the other is done"])
def test_who_was_overtaken_once_its_rows_were_written_prepares_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    real, others = taking_module.set_aside, list[Load]()

    def overtaken(*arguments: Any, **named: Any) -> Any:
        if not others:
            [row] = shop.control_rows("loads", "load_id", "source", "entity", "state")
            [begun] = shop.control_rows("loads", "started_at")
            others.append(Load(*row, "", begun[0], None))
            if ended:
                shop.collect()
            else:
                loads.new_folder(shop.stores, others[0])
        return real(*arguments, **named)

    shop.write(BODY)
    with monkeypatch.context() as patch:
        patch.setattr(taking_module, "set_aside", overtaken)
        with pytest.raises(LeaseLostError, match="Another process collected 'shop'"):
            shop.collect()
    # It leaves the other one's load and files alone.
    [(state,)] = shop.control_rows("loads", "state")
    assert state == ("done" if ended else "running")
    assert len(list(shop.stores.folder("staging").iterdir())) == (0 if ended else 1)
    assert shop.report().already_collected == ended
    assert sorted(row[0] for row in shop.rows("order_lines", "order_id")) == ["1", "2"]
    assert len(shop.rows("orders", "order_id")) == 2
