"""What runs a model or an algorithm: engines and what they need."""
