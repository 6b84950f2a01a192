"""Pictures as vectors of a trained model: optional, and absent without harm."""
