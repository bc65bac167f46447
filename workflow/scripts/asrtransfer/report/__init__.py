"""The report: a study's tables, transcripts and samples as one HTML file that opens without a network."""
