"""How to start it: absl apps, a page each."""
