"""What prices do to sales, and who buys what is on discount."""
