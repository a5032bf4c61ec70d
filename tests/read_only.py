"""The command on a folder that cannot be written, by root too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["run_read_only"]

# Root writes wherever it likes by one capability. Whoever is started without it minds the modes of files.
_WITHOUT_RIGHTS = """
import ctypes, os, subprocess, sys
drop, dac_override = 24, 1  # of the capabilities that a started program can have
if ctypes.CDLL(None, use_errno=True).prctl(drop, dac_override, 0, 0, 0):
    sys.exit(f"root's right to write everywhere cannot be given up: {os.strerror(ctypes.get_errno())}")
sys.exit(subprocess.run(sys.argv[1:]).returncode)
"""


def run_read_only(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `aimwell` while `folder` cannot be written."""
    call = [str(Path(sys.executable).with_name("aimwell")), *arguments]
    if os.geteuid() == 0:
        call = [sys.executable, "-c", _WITHOUT_RIGHTS, *call]
    folder.chmod(0o500)
    try:
        return subprocess.run(call, capture_output=True, text=True, check=False)
    finally:
        folder.chmod(0o700)
