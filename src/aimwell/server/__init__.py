"""The HTTP server: the links in messages, health and figures for operators."""
