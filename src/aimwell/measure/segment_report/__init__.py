"""The report of one segment: its size and movement, who its people are, what campaigns earned among them, and what they say."""
