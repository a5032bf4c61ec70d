"""Ready-made audiences: rules for what marketers ask for most, adapted to the shop's own distribution."""
