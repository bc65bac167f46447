"""Audio, and the utterances of a corpus."""
