"""Does a run read what was declared? Three lengths, counted to the token."""
