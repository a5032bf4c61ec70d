"""`distance`: how far from a shop, a city or a point a person is."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from aimwell.definitions.leaves.distance import DistanceRule, Place
from aimwell.segment.rules.changing import Changes, by_rows
from aimwell.segment.rules.phrases import quoted
from aimwell.segment.rules.scope import Named, People, Scope
from aimwell.store.sql import sql

__all__ = ["EARTH_KM", "changes", "names", "people", "words"]

EARTH_KM = 6371.0088
"""The earth's mean radius (IUGG)."""

_CITIES = """
    SELECT key AS city, arg_max(value, (set_at, received_at, value)) FILTER (WHERE name = 'latitude') AS latitude,
           arg_max(value, (set_at, received_at, value)) FILTER (WHERE name = 'longitude') AS longitude
    FROM market WHERE dimension = 'city' AND name IN ('latitude', 'longitude') GROUP BY key
    """

_SHOPS = """
    SELECT shop_id, arg_max(latitude, (set_at, received_at, latitude)) AS latitude,
           arg_max(longitude, (set_at, received_at, longitude)) AS longitude
    FROM shops GROUP BY shop_id
    """

# Haversine, which keeps its digits where points are near. The square is kept below 1, where rounding would leave it.
_QUERY = """
    WITH places AS (SELECT latitude, longitude FROM :places AS p WHERE latitude BETWEEN -90 AND 90),
    own AS (
      SELECT k.profile_id, TRY_CAST(a.value AS double) AS latitude, TRY_CAST(b.value AS double) AS longitude,
             c.value AS city
      FROM known AS k LEFT JOIN :latitudes AS a ON a.profile_id = k.profile_id
      LEFT JOIN :longitudes AS b ON b.profile_id = k.profile_id
      LEFT JOIN :cities AS c ON c.profile_id = k.profile_id
    ),
    pointed AS (
      SELECT profile_id, city, latitude, longitude,
             coalesce(latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180, FALSE) AS exact
      FROM own
    ),
    located AS (
      SELECT o.profile_id, CASE WHEN exact THEN o.latitude ELSE m.latitude END AS latitude,
             CASE WHEN exact THEN o.longitude ELSE m.longitude END AS longitude
      FROM pointed AS o LEFT JOIN :known_cities AS m ON m.city = o.city
    ),
    apart AS (
      SELECT l.profile_id, min(2 * :radius * asin(sqrt(least(1,
               power(sin(radians(l.latitude - p.latitude) / 2), 2)
               + cos(radians(l.latitude)) * cos(radians(p.latitude))
                 * power(sin(radians(l.longitude - p.longitude) / 2), 2))))) AS km
      FROM located AS l CROSS JOIN places AS p
      WHERE l.latitude IS NOT NULL AND l.longitude IS NOT NULL GROUP BY l.profile_id
    )
    SELECT profile_id FROM apart
    """


def people(rule: DistanceRule, scope: Scope) -> People:
    """Who is so far from the place, or from the nearest of them."""
    query = sql(
        _QUERY,
        places=_places(rule.distance),
        latitudes=exp.paren(scope.latest_trait("latitude")),
        longitudes=exp.paren(scope.latest_trait("longitude")),
        cities=exp.paren(scope.latest_trait("city")),
        known_cities=sql(_CITIES),
        radius=EARTH_KM,
    )
    assert isinstance(query, exp.Select)  # noqa: S101 - the text above is a SELECT
    if rule.within_km is not None:
        query = query.where(sql("km <= :most", most=rule.within_km))
    if rule.beyond_km is not None:
        query = query.where(sql("km > :least", least=rule.beyond_km))
    return People(query)


def _places(place: Place) -> exp.Expr:
    if place.city is not None:
        return sql(
            "SELECT * FROM :cities AS c WHERE city = :name", cities=sql(_CITIES), name=place.city
        )
    if place.latitude is not None:
        return sql(
            "SELECT CAST(:latitude AS double) AS latitude, CAST(:longitude AS double) AS longitude",
            latitude=place.latitude,
            longitude=place.longitude,
        )
    if place.shop is not None:
        return sql(
            "SELECT * FROM :shops AS s WHERE shop_id = :name", shops=sql(_SHOPS), name=place.shop
        )
    return sql(_SHOPS)


def words(rule: DistanceRule) -> str:
    """As "who live at most 10 km from the shop “7”"."""
    parts = []
    if rule.within_km is not None:
        parts.append(f"at most {rule.within_km:.10g} km")
    if rule.beyond_km is not None:
        parts.append(f"more than {rule.beyond_km:.10g} km")
    place = rule.distance
    if place.shop is not None:
        name = f"the shop {quoted(place.shop)}"
    elif place.city is not None:
        name = f"the city {quoted(place.city)}"
    elif place.latitude is not None:
        name = f"the point {place.latitude!r}, {place.longitude!r}"
    else:
        name = "the nearest shop"
    return f"who are {' and '.join(parts)} away from {name}"


def names(rule: DistanceRule) -> Iterator[Named]:
    """The shop, or the city."""
    if rule.distance.shop is not None:
        yield Named(rule.distance.shop, "shops", "shop_id", "No shop '{}' was ever collected.")
    if rule.distance.city is not None:
        told = "`market` has no latitude of a city '{}'."
        yield Named(
            rule.distance.city, "market", "key", told, (("dimension", "city"), ("name", "latitude"))
        )


def changes(_rule: DistanceRule) -> Changes:
    """By the traits that say where somebody is, and by what is known of shops and cities."""
    found = Changes(shared=frozenset({"shops", "market"}))
    for name in ("latitude", "longitude", "city"):
        found |= by_rows("traits", "set_at", only=("name", name))
    return found
