"""Control databases of tests share what SQLAlchemy compiles.

A firm's process opens one control database and compiles each statement once. A test process opens thousands, and
compiling the same statements for each took an eighth of a test that collects a small file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

__all__ = ["compiled_once"]


def compiled_once(create_engine: Callable[..., sa.Engine]) -> Callable[..., sa.Engine]:
    """`create_engine`, whose engines of one driver and serializer share a dialect and what is compiled for it."""
    first: dict[object, sa.Engine] = {}

    def created(*arguments: Any, **options: Any) -> sa.Engine:
        engine = create_engine(*arguments, **options)
        if "json_serializer" not in options:  # a database of somebody else, as a source
            return engine
        key = (engine.dialect.driver, options["json_serializer"])
        shared = first.setdefault(key, engine)
        # A dialect learns of its database when its own engine connects first. One that never did knows nothing.
        if not hasattr(shared.dialect, "default_isolation_level"):
            shared = first[key] = engine
        engine.dialect, engine._compiled_cache = shared.dialect, shared._compiled_cache
        return engine

    return created
