"""Connectionist temporal classification: losses, best paths, searches, and proofs that make a search unnecessary."""
