"""Files that are written atomically and verified by checksums, and the exception for errors that the user can mend."""
