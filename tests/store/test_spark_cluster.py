"""Segments on a real Spark cluster, as `aimwell.toml` chooses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shop import day
from spark_cluster import running_cluster
from town import make_town

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def aimwell(root: Path, *arguments: str, **environment: str) -> str:
    ran = subprocess.run(
        [Path(sys.executable).with_name("aimwell"), *arguments, "--workspace", str(root)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_cluster_with_two_workers_gives_what_this_machine_gives(tmp_path: Path) -> None:
    stores, _lives = make_town(tmp_path / "town")
    stores.close()
    root = stores.root
    asked = ("segment", "members", "loud", "--as-of", day(60).isoformat(), "--json")
    with running_cluster(tmp_path) as cluster:
        settings = (root / "aimwell.toml").read_text()
        chosen = f'engine = "spark"\nspark_master = "{cluster.url}"\nengine_memory_mb = 700\n'
        (root / "aimwell.toml").write_text(settings.replace("[engine]\n", f"[engine]\n{chosen}"))
        there = aimwell(root, *asked, SPARK_LOCAL_IP="127.0.0.1")
        assert min(cluster.executors()) > 0, "both workers had a part"
    here = aimwell(root, *asked, AIMWELL_ENGINE="duckdb")
    assert json.loads(there) == json.loads(here)
    assert json.loads(here)["members"]
