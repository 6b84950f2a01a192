"""Which assets might show or sound the same: candidates, fast and with full recall."""
