"""The `aimwell` command: a thin face on the workspace."""
