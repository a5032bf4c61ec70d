"""The command on a folder that cannot be written; root may write everywhere but on a read-only mount."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["run_read_only"]

# argv: folder, command. In a mount table of its own, which ends with the process.
_MOUNTED = """
import ctypes, os, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
root = sys.argv[1].encode()
private, bind, again, read_only = 1 << 18 | 16384, 4096, 32, 1
for done in (
    lambda: libc.unshare(0x00020000),
    lambda: libc.mount(b"none", b"/", None, private, None),
    lambda: libc.mount(root, root, None, bind, None),
    lambda: libc.mount(root, root, None, bind | again | read_only, None),
):
    if done():
        sys.exit(f"a read-only mount cannot be made here: {os.strerror(ctypes.get_errno())}")
sys.exit(subprocess.run(sys.argv[2:]).returncode)
"""


def run_read_only(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `aimwell` while `folder` cannot be written: a read-only mount for root, a mode for others."""
    call = [str(Path(sys.executable).with_name("aimwell")), *arguments]
    if os.geteuid() == 0:
        call = [sys.executable, "-c", _MOUNTED, str(folder), *call]
        return subprocess.run(call, capture_output=True, text=True, check=False)
    folder.chmod(0o500)
    try:
        return subprocess.run(call, capture_output=True, text=True, check=False)
    finally:
        folder.chmod(0o700)
