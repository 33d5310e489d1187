"""How much web, papers and encyclopedia? Four mixtures of five leaves."""
