"""What if the best data makes up most of a mixture? Four topic distributions, two slopes."""
