"""Builds the Lambda layers: wheels for the target platform, zipped so that equal input is equal bytes."""
