"""`aimwell doctor`: what is wrong with a workspace, and what to do about each fault."""
