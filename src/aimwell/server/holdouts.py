"""Whether a person is held out, for other senders that keep to the same holdout."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, Router, get
from litestar.datastructures import State
from litestar.exceptions import NotFoundException
from litestar.params import Parameter

from aimwell.decide.experiment_service import is_held_out
from aimwell.errors import UnknownDefinitionError
from aimwell.store.stores import Stores

__all__ = ["holdout_routes"]


@get("/{name:str}/{profile_id:str}", summary="Whether a person is held out now, and until when.")
async def held(
    request: Request[Any, Any, State],
    name: Annotated[str, Parameter(max_length=63)],
    profile_id: Annotated[str, Parameter(max_length=200)],
) -> dict[str, Any]:
    """The answer follows from the id alone, so it says nothing of whether the person is known."""
    stores: Stores = request.app.state.stores
    try:
        return await asyncio.to_thread(
            is_held_out, stores, name, profile_id, moment=datetime.now(UTC)
        )
    except UnknownDefinitionError as error:
        raise NotFoundException("There is no such holdout.") from error


def holdout_routes() -> Router:
    """`/api/holdouts/NAME/PROFILE`."""
    return Router(path="/api/holdouts", route_handlers=[held], tags=["holdouts"])
