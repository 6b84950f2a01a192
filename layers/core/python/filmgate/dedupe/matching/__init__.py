"""From two fingerprints to a verdict with evidence."""
