"""Whether a written proof proves its claim: every relation checked in its context, and followed to the claim."""
