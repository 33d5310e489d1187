"""Experiments that teach small models to prove olympiad inequalities, with proofs that a machine has checked."""
