"""What offers give, what they cost, and the codes that they are handed out with."""
