"""Mixtures, the feasible set, swarm designs, mixture reuse."""
