"""Mozilla DeepSpeech 0.4.1: front end, network, training."""
