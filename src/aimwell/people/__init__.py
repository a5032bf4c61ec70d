"""One person's whole page: who they are, what is known of them and whence, and what happened, newest first."""
