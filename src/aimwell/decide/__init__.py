"""Who gets which action: eligibility, arms, budget; planned, explained, approved, and then executed as it is."""
