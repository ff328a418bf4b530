"""Requests: QM is controlled as it is fed, by files that are dropped and answered."""
