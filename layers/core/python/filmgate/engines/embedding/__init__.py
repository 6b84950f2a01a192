"""Embedding vectors of pictures from an optional trained model."""
