"""Capacity: what load costs, what runs out first, and when."""
