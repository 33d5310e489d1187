"""Laws, fitting, diagnostics, optimising a law over the feasible set."""
