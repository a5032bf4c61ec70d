"""Where data lies: the lake (Delta tables), the engine that reads it, and the control database."""
