"""What is expected of one person, for decisions that cannot wait: `GET /api/scores/PERSON` with a read key."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import MediaType, Request, Response, Router, get
from litestar.connection import ASGIConnection
from litestar.exceptions import (
    HTTPException,
    NotAuthorizedException,
    NotFoundException,
    ValidationException,
)
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Reference, SecurityScheme
from litestar.params import Parameter
from sqlalchemy.exc import SQLAlchemyError

from aimwell.errors import AimwellError, UnifyError
from aimwell.predict.serving import ServedScore, ServedScores
from aimwell.privacy.known_keys import KnownKeys
from aimwell.privacy.read_keys import labels_by_hash
from aimwell.server.score_worker import ScoreWorker
from aimwell.store.stores import Stores
from aimwell.unify.lookup import find_profile, likely_profile

__all__ = ["READ_KEY_SCHEME", "known_read_keys", "refused", "score_routes"]

_WAIT_SECONDS = 2.0
"""So long a request waits for what has to be worked out first."""
_TRUSTED_SECONDS = 60.0
_LENGTH_MAX = 200
_TOO_LONG = f"Nobody's id and no model's name is longer than {_LENGTH_MAX} characters."
_SCHEME = "read key"
READ_KEY_SCHEME: dict[str, SecurityScheme | Reference] = {
    _SCHEME: SecurityScheme(
        type="http", scheme="bearer", description="A read key of: aimwell read-keys create"
    )
}
"""How the description of the interface tells of the key."""

_NO_STORE = {"Cache-Control": "no-store"}
_Request = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Score:
    """What one model expects of the person.

    Args:
        model: Its name.
        version: The version in use.
        kind: propensity, churn, lifetime_value, …
        horizon_days: How far ahead it looks.
        score: A probability (0-1), of lifetime_value and spend an amount in the workspace's currency; null where there is none.
        lower: Lower end of its interval of 95 %, where the model gives one.
        upper: The upper end.
        as_of: Nothing from this moment on was looked at.
        age_seconds: Since then.
        reason: Why there is no score, or what to know of it.
    """

    model: str
    version: int
    kind: str
    horizon_days: int | None
    score: float | None
    lower: float | None
    upper: float | None
    as_of: datetime | None
    age_seconds: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class PersonScores:
    """Scores of one person by the models in use."""

    profile_id: str
    scores: list[Score]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no answer, in words."""

    message: str


async def _has_read_key(
    connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
) -> None:
    """Let nobody in without a read key that is good."""
    scheme, _space, key = connection.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise NotAuthorizedException(
            "A read key is missing. Send it as a bearer token. Make one with: aimwell read-keys create LABEL"
        )
    keys: KnownKeys = connection.app.state.read_keys
    if await keys.whose(key.strip()) is None:
        raise NotAuthorizedException("The read key is unknown or was revoked.")


@get(
    "/{who:str}",
    operation_id="person_scores",
    summary="What the models in use expect of a person.",
    security=[{_SCHEME: []}],
    guards=[_has_read_key],
    responses={
        400: ResponseSpec(Refusal, description="The id or the model's name is too long."),
        401: ResponseSpec(Refusal, description="The read key is missing, unknown or revoked."),
        404: ResponseSpec(
            Refusal, description="Nobody is known by that, or no such model is in use."
        ),
        503: ResponseSpec(Refusal, description="It cannot be looked up just now."),
    },
    raises=[],
)
async def person_scores(
    request: _Request,
    who: Annotated[
        str, Parameter(max_length=_LENGTH_MAX, description="A profile id or a customer id.")
    ],
    model: Annotated[
        str | None,
        Parameter(max_length=_LENGTH_MAX, description="Only this model's, by its name."),
    ] = None,
) -> Response[PersonScores]:
    """From memory where it is known; else it is worked out, and what takes longer says that it does."""
    worker: ScoreWorker = request.app.state.scores
    stores: Stores = request.app.state.stores
    served = worker.served
    if not served.models:
        await worker.work_out({}, wait_seconds=_WAIT_SECONDS)
    names = _named(served, model)
    profile = likely_profile(stores, who)
    found = {name: served.of(profile, name) for name in names}
    if not any(one is not None and one.figure is not None for one in found.values()):
        try:
            profile = await asyncio.to_thread(find_profile, stores, who)
        except UnifyError as error:
            raise NotFoundException(str(error)) from error
        found = await _worked_out(worker, profile, names)
    elif None in found.values():
        found = await _worked_out(worker, profile, names)
    now = datetime.now(UTC)
    scores = [_shown(one or served.waiting(name), now) for name, one in found.items()]
    return Response(PersonScores(profile, scores), headers=_NO_STORE)


def _named(served: ServedScores, model: str | None) -> tuple[str, ...]:
    """The models that are asked for."""
    in_use = served.models
    if model is None and in_use:
        return in_use
    if model in in_use:
        return (str(model),)
    told = "No model is in use" if model is None else f"No model '{model}' is in use"
    known = f" In use: {', '.join(in_use)}." if in_use else ""
    raise NotFoundException(
        f"{told} that gives people scores.{known} Use one from now on with: aimwell predict promote MODEL@VERSION --why …"
    )


async def _worked_out(
    worker: ScoreWorker, profile: str, names: Collection[str]
) -> dict[str, ServedScore | None]:
    """What is known once the missing ones were worked out, or have taken too long."""
    missing = {name for name in names if worker.served.of(profile, name) is None}
    if missing:
        await worker.work_out({profile: missing}, wait_seconds=_WAIT_SECONDS)
    return {name: worker.served.of(profile, name) for name in names}


def _shown(found: ServedScore, now: datetime) -> Score:
    figure = found.figure
    return Score(
        model=found.model,
        version=found.version,
        kind=found.kind,
        horizon_days=found.horizon_days,
        score=None if figure is None else figure.score,
        lower=None if figure is None else figure.lower,
        upper=None if figure is None else figure.upper,
        as_of=None if figure is None else figure.as_of,
        age_seconds=None if figure is None else round((now - figure.as_of).total_seconds(), 3),
        reason=found.reason,
    )


def refused(_request: _Request, error: HTTPException) -> Response[Refusal]:
    """Words, as JSON: a program asks here."""
    headers = dict(_NO_STORE)
    if error.status_code == 401:
        headers["WWW-Authenticate"] = "Bearer"
    told = _TOO_LONG if isinstance(error, ValidationException) else error.detail
    return Response(
        Refusal(told),
        status_code=error.status_code,
        headers=headers,
        media_type=MediaType.JSON,
    )


def _away(_request: _Request, _error: Exception) -> Response[Refusal]:
    return Response(
        Refusal("It cannot be looked up just now. Ask again later."),
        status_code=503,
        headers={**_NO_STORE, "Retry-After": "5"},
        media_type=MediaType.JSON,
    )


def known_read_keys(stores: Stores) -> KnownKeys:
    """The read keys that are good, for the state of the application."""
    return KnownKeys(
        lambda: labels_by_hash(stores),
        trusted_seconds=_TRUSTED_SECONDS,
        busy="The read keys cannot be looked up just now. Ask again later.",
    )


def score_routes() -> Router:
    """`/api/scores/PERSON`; the application's state must hold `stores`, `scores` and `read_keys`."""
    return Router(
        path="/api/scores",
        route_handlers=[person_scores],
        exception_handlers={HTTPException: refused, AimwellError: _away, SQLAlchemyError: _away},
        tags=["scores"],
    )
