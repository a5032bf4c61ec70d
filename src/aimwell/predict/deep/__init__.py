"""Sequence models of the next purchase: networks that read what a person did, in order. PyTorch is imported only when asked."""
