"""Run the benchmarks one after another, on a machine described at the top of what is printed.

`scripts/run_benchmarks.py [--quick] [NAME …]`; without names all of `benchmarks/*.py` are run.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_SHOWN_LIBRARIES = ("duckdb", "pyarrow", "deltalake", "numpy", "scipy", "lightgbm", "sqlalchemy")


def benchmarks() -> dict[str, Path]:
    """Each benchmark by its name; files that start with `_` are what benchmarks share."""
    files = sorted((ROOT / "benchmarks").glob("*.py"))
    return {file.stem: file.relative_to(ROOT) for file in files if not file.stem.startswith("_")}


def machine() -> str:
    """What figures depend on: processor, cores that we may use, memory, versions."""
    libraries = [f"{name} {_version(name)}" for name in _SHOWN_LIBRARIES]
    return "\n".join(
        [
            f"Processor  {_processor()}, {len(os.sched_getaffinity(0))} cores for us",
            f"Memory     {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
            f"Software   {platform.system()} {platform.release()}, Python {platform.python_version()}",
            f"Libraries  {', '.join(libraries)}",
        ]
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def run(name: str, file: Path, *, quick: bool) -> bool:
    """Run one benchmark; what it prints goes straight through. True where it went well."""
    print(f"\n== {name} ==", flush=True)
    began = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, file, *(["--quick"] if quick else [])], cwd=ROOT, check=False
    )
    fine = ended.returncode == 0
    print(f"({'done' if fine else 'FAILED'} in {time.perf_counter() - began:.0f} s)", flush=True)
    return fine


def main() -> int:
    """Run what was named; 1 where a benchmark failed, 2 where a name is unknown."""
    known = benchmarks()
    parser = argparse.ArgumentParser(description="Run the benchmarks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known) or "none yet")
    parser.add_argument("--quick", action="store_true", help="small data: does it run at all?")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in known]
    if unknown:
        there = ", ".join(known) or "none yet"
        parser.error(f"no benchmark named {', '.join(unknown)}; there are: {there}")
    print(machine(), flush=True)
    names = asked.names or list(known)
    failed = [name for name in names if not run(name, known[name], quick=asked.quick)]
    if failed:
        print(f"\nFailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
