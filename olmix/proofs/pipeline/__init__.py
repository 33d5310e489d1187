"""The steps from problems to a tuned model: generate, check, verify, split, train, evaluate, judge."""
