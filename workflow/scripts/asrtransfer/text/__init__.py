"""The alphabet, and error rates of texts."""
