"""Audio files, and the utterances of a corpus."""
