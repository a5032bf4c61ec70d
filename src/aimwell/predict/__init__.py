"""What a person is likely to do: buy within a horizon, stay, spend, and how sure that is."""
