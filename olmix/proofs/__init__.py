"""Olympiad inequalities: problems, generation, checking, tuning, judging."""
