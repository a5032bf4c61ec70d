"""Latent classes: kinds of people by their answers, and where those belong who did not answer."""
