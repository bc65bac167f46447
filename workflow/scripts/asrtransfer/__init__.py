"""Speech recognisers, attacks on them, and the measurement of what transfers between them."""
