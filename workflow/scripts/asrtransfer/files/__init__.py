"""Files: whole or not at all, checked by their checksums, and the one exception for what the user can mend."""
