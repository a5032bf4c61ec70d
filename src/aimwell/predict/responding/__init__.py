"""How people answer messages, and through which channel."""
