"""Messages of Segment's tracking clients: what a request must be, and what each message in it says."""
