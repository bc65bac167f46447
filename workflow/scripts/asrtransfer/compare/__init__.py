"""Finished studies side by side: configurations, verdicts, claims and figures as one page."""
