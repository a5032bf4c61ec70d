"""What a person did before a moment (features) and after it (outcomes); the only place that cuts time."""
