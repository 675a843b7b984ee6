"""A load generator whose account of what it did agrees exactly with the service's counters."""
