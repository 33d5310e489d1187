"""The symbolic generator: inequalities that are true by construction, with proofs by technique."""
