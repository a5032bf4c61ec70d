"""Random rules with leaves of every kind, over the small words of the town in `tests/segment/test_members.py`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from aimwell.definitions.leaves.lifecycle import LIFE_STAGES, MARKETING_STAGES

__all__ = ["FEATURES", "LEAVES", "NESTED_NAMES", "NEW_LEAVES", "RULES"]

Row = dict[str, Any]
NESTED_NAMES = ["buyers", "loud"]

_days = st.sampled_from(["6h", "1d", "10d", "30d", "5w"])
_texts = st.sampled_from(["GB", "IE", "7", "true", "x", "", "SPRING", "sku 1", "category 2", "1"])
_numbers = st.sampled_from([0, 1, 2, 2.5, 3, 4.5, 5, 7, 10.25, 15, 20])
_scalars = st.one_of(_texts, _numbers, st.booleans())
_bounds = st.one_of(_numbers, st.sampled_from(["2026-02-03", "2026-01-31"]))
_conditions = st.one_of(
    st.fixed_dictionaries({"is": _scalars}),
    st.fixed_dictionaries({"in": st.lists(_scalars, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"exists": st.booleans()}),
    st.fixed_dictionaries({"above": _bounds}),
    st.fixed_dictionaries({"at_least": _bounds, "at_most": _bounds}),
    st.fixed_dictionaries({"below": _bounds}),
    st.fixed_dictionaries({"between": st.just([1, 7])}),
    st.fixed_dictionaries({"between": st.just(["2026-02-01", "2026-02-28"])}),
)
_amounts = st.one_of(
    st.fixed_dictionaries({"above": _numbers}),
    st.fixed_dictionaries({"at_most": _numbers}),
    st.fixed_dictionaries({"below": _numbers, "at_least": st.just(-5)}),
    st.fixed_dictionaries({"between": st.just([-20, 10.25])}),
)
_counts = st.one_of(
    st.fixed_dictionaries({"at_least": st.integers(0, 3)}),
    st.fixed_dictionaries({"at_most": st.integers(0, 3)}),
    st.fixed_dictionaries({"exactly": st.integers(0, 3)}),
    st.just({"at_least": 1, "at_most": 2}),
)
_times = st.one_of(
    st.fixed_dictionaries({"within": _days}),
    st.fixed_dictionaries({"before": _days}),
    st.just({"within": "30d", "before": "10d"}),
)
_spans = st.one_of(
    st.fixed_dictionaries({}, optional={"within": _days}),
    st.just({"between": ["2026-01-20", "2026-02-10"]}),
)
_amount_fields = st.fixed_dictionaries({}, optional={"revenue": _amounts, "quantity": _amounts})
_order_fields = st.fixed_dictionaries(
    {},
    optional={
        "revenue": _amounts,
        "coupon": _conditions,
        "sku": _conditions,
        "category": _conditions,
        "properties.a.b": _conditions,
    },
)
_event_fields = st.fixed_dictionaries(
    {}, optional={"revenue": _amounts, "campaign": _conditions, "properties.n": _conditions}
)


def _events(
    names: list[str], fields: st.SearchStrategy[Row], sums: list[str]
) -> st.SearchStrategy[Row]:
    sum_ = st.builds(lambda of, amount: {"of": of, **amount}, st.sampled_from(sums), _amounts)
    base = st.fixed_dictionaries(
        {"event": st.sampled_from(names), "where": fields},
        optional={
            "count": _counts,
            "sum": sum_,
            "first": _times,
            "last": _times,
            "machines": st.just(True),
        },
    )

    def joined(rule: Row, span: Row) -> Row:
        return {key: value for key, value in {**rule, **span}.items() if value != {}}

    return st.builds(joined, base, _spans)


# --- leaves of other tables ------------------------------------------------------------------------------

_moment_spans = st.sampled_from(["6h", "1d", "10d", "5w"])
_shares = st.sampled_from([0.1, 0.25, 0.3, 0.5, 0.75])
_words = st.sampled_from(["Retail", "Pro", "Basic", "active", "ended", "yes", "7", "x"])
_texts_only = st.one_of(
    st.fixed_dictionaries({"is": _words}),
    st.fixed_dictionaries({"in": st.lists(_words, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"exists": st.booleans()}),
)


def _with(base: st.SearchStrategy[Row], more: st.SearchStrategy[Row]) -> st.SearchStrategy[Row]:
    return st.builds(lambda one, other: {**one, **other}, base, more)


def _dicts(must: Row, may: Row | None = None) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries(must, optional=may or {})


_order_acts = _dicts(
    {"event": st.sampled_from(["Order Completed", "Order Refunded"])},
    {"where": _dicts({"revenue": _amounts}) | _dicts({"category": _conditions})},
)
_other_acts = _dicts(
    {"event": st.sampled_from(["Login", "Email Opened", "Seen"])},
    {"machines": st.just(True), "where": _dicts({"revenue": _amounts})},
)
_acts = _order_acts | _other_acts
_measures = _with(
    _order_acts, _dicts({}, {"of": st.sampled_from(["count", "revenue", "discount", "gross"])})
) | _with(_other_acts, _dicts({}, {"of": st.sampled_from(["count", "revenue"])}))
_sequences = st.builds(
    lambda steps, last, absent, more: {
        "sequence": [*steps, {"not": last} if absent else last],
        **more,
    },
    st.lists(_acts, min_size=1, max_size=2),
    _acts,
    st.booleans(),
    _dicts({}, {"within": _moment_spans, "started": _times}),
)
_way = _dicts({"falling": _shares}) | _dicts({"rising": _shares})
_trends = _with(_dicts({"trend": _measures, "window": st.sampled_from(["10d", "30d"])}), _way)
_ratios = _with(
    _dicts({"ratio": _dicts({"part": _measures, "whole": _measures})}, {"within": _moment_spans}),
    _dicts({"above": _shares}) | _dicts({"at_least": _shares, "below": st.just(2)}),
)
_ends = _dicts({"top": _shares}) | _dicts({"bottom": _shares})
FEATURES = ["orders", "revenue", "recency_days", "discount_share", "events_30d"]
_percentiles = _with(
    _dicts(
        {
            "percentile": _dicts({"measure": _measures}, {"within": _moment_spans})
            | _dicts({"feature": st.sampled_from(FEATURES)})
        },
        {"by": st.sampled_from(["country", "size"]), "among": st.sampled_from(NESTED_NAMES)},
    ),
    _ends,
)
_features = _with(
    _dicts({"feature": st.sampled_from(FEATURES)}),
    _amounts | st.fixed_dictionaries({"exists": st.booleans()}),
)
_scores = _with(
    _dicts({"score": st.sampled_from(["churn", "none"])}, {"within": _moment_spans}),
    _dicts({"above": _shares})
    | _dicts({"as": st.just("percentile"), "at_least": _shares})
    | _dicts({"as": st.just("decile"), "at_least": st.integers(1, 10)}),
)
_accounts = _with(
    _dicts({"account": st.sampled_from(["industry", "size", "role"])}), _texts_only | _conditions
)
_subscriptions = _dicts(
    {
        "subscription": _dicts(
            {"plan": _texts_only},
            {
                "started": _times,
                "price": _amounts,
                "renews": _dicts({"within": _moment_spans}),
            },
        )
        | _dicts({"state": _texts_only}, {"ends": _dicts({"within": _moment_spans})})
        | _dicts({"ended": _times})
        | _dicts({"renews": _dicts({"within": _moment_spans})})
    }
)
_usages = _with(
    _dicts({"usage": st.sampled_from(["gb", "calls"])}, {"within": _moment_spans}),
    _amounts
    | _dicts(
        {"level": st.sampled_from(["heavy", "light"])}, {"share": st.sampled_from([0.1, 0.5])}
    ),
)
_payments = _dicts(
    {"payments": st.sampled_from(["on_time", "late", "missed", "due", "refunded"])},
    {
        "count": _counts,
        "within": _moment_spans,
        "kind": st.sampled_from(["payment", "repayment"]),
    },
)
_consents = _dicts(
    {
        "consent": _dicts(
            {"channel": st.sampled_from(["email", "sms"])},
            {"state": st.sampled_from(["granted", "denied", "revoked", "unknown"])},
        )
    }
)
_surveys = _with(
    _dicts(
        {"survey": st.just("nps"), "question": st.sampled_from(["recommend", "why"])},
        {"within": _moment_spans},
    ),
    _texts_only | _conditions,
)
_channels = _dicts({"channel": st.sampled_from(["email", "sms"])}, {"within": _moment_spans})
_shops = _with(
    _dicts({"shop": st.sampled_from(["shop_id", "city"])}, {"within": _moment_spans}),
    st.fixed_dictionaries({"is": st.sampled_from(["Leeds", "1", "2"])})
    | st.fixed_dictionaries({"exists": st.booleans()}),
)
_fresh = _with(
    _dicts(
        {
            "freshness": _dicts({"trait": st.sampled_from(["country", "nothing"])})
            | _dicts({"table": st.sampled_from(["orders", "answers", "usage"])})
        }
    ),
    _times,
)
_distances = _with(
    _dicts(
        {"distance": st.just({"city": "Leeds"}) | st.just({"latitude": 53.8, "longitude": -1.5})}
    ),
    st.just({"within_km": 50}) | st.just({"beyond_km": 50}),
)
_life_stages = _with(
    _dicts(
        {
            "lifecycle": st.lists(
                st.sampled_from([*LIFE_STAGES, *MARKETING_STAGES]), min_size=1, max_size=3
            )
        }
    ),
    st.sampled_from([{"active": "6h", "lapsed": "1d"}, {"active": "10d", "lapsed": "5w"}]),
)
_day_spans = st.sampled_from(["1d", "10d", "5w"])
_occasions = _dicts({"occasion": st.just("month-end")}, {"within": _day_spans, "past": _day_spans})
NEW_LEAVES = {
    "sequence": _sequences,
    "trend": _trends,
    "ratio": _ratios,
    "percentile": _percentiles,
    "feature": _features,
    "score": _scores,
    "account": _accounts,
    "subscription": _subscriptions,
    "usage": _usages,
    "payments": _payments,
    "consent": _consents,
    "survey": _surveys,
    "channel": _channels,
    "shop": _shops,
    "freshness": _fresh,
    "distance": _distances,
    "lifecycle": _life_stages,
    "occasion": _occasions,
}

_quintiles = st.lists(st.integers(1, 5), min_size=1, max_size=3)
OLD_LEAVES = st.one_of(
    st.builds(
        lambda name, test: {"trait": name, **test},
        st.sampled_from(["country", "size", "nothing"]),
        _conditions,
    ),
    _events(["Order Completed", "Order Refunded"], _order_fields, ["revenue", "quantity"]),
    # Only among events, only among touches, in both, and in neither.
    _events(
        ["Login", "Email Opened", "Seen", "Never Seen"], _event_fields, ["revenue", "properties.n"]
    ),
    st.fixed_dictionaries(
        {
            "rfm": st.one_of(
                st.fixed_dictionaries({"recency": _quintiles}, optional={"monetary": _quintiles}),
                st.fixed_dictionaries({"frequency": _quintiles}),
                st.just({"groups": ["champions", "lost", "new", "loyal"]}),
            )
        }
    ),
    st.fixed_dictionaries({"segment": st.sampled_from(NESTED_NAMES)}),
    st.just({"bucket": {"salt": "s", "from": 2000, "to": 7000}}),
)
LEAVES = st.one_of(OLD_LEAVES, *NEW_LEAVES.values())
RULES = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.fixed_dictionaries({"all": st.lists(below, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(below, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": below}),
    ),
    max_leaves=5,
)
