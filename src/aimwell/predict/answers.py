"""Where the answer of a model stands that gives no score of each person, or none of one person alone."""

from __future__ import annotations

from aimwell.predict.registry import RegisteredModel

__all__ = ["where_told"]

_WAITS = "Everybody's days are had with: aimwell predict next-purchase"


def where_told(entry: RegisteredModel) -> str:
    """A sentence that says by which command people see what a version says of them."""
    settings, name = entry.settings, entry.label
    match entry.kind:
        case "recommender":
            return f"One person's products: aimwell predict recommend --model {name} --person ID"
        case "best_time":
            blocks = f"--signal {settings['signal']} --hours {settings['block_hours']}"
            return (
                f"Each person's weekday and hours: aimwell predict best-time {blocks} --to FILE.csv"
            )
        case "demand":
            asked = f"--by {settings['by']} --horizon {settings['horizon_days']}"
            return f"The units of each: aimwell predict demand {asked} --to FILE.csv"
        case "account_leads":
            return f"Firms are scored by: aimwell predict score {name}"
        case "next_purchase_network":
            return f"{_WAITS} --model {name} --to FILE.csv"
        case "next_purchase" if settings["by"] != "person":
            return f"{_WAITS} --by {settings['by']} --to FILE.csv"
        case (
            "churn"
            | "subscription_churn"
            | "lifetime_value"
            | "spend"
            | "next_purchase"
            | "channel_preference"
            | "discount_seeking"
        ):
            return f"Score everybody with: aimwell predict score {name}; then each person's is on their page: aimwell profile ID"
        case _:
            return f"See: aimwell predict card {name}"
