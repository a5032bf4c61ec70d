"""Models of people as definitions ask for them: learnt, kept, shown, published, applied to newcomers."""
