"""What recognisers hear: clean speech, samples and controls."""
