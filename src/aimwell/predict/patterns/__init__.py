"""What is bought together, next, and on the way to an order or to silence."""
