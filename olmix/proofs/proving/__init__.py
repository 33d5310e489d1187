"""Certificates for statements: the rules, the searches, and the replay that is all one has to believe."""
