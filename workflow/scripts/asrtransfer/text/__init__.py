"""The alphabet, and the error rates of texts."""
