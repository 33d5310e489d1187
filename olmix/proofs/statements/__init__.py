"""What is claimed: expressions, relations and statements, read from text and LaTeX, written back, and evaluated."""
