"""What lies between a sample and the recogniser that hears it: air, lines and codecs."""
