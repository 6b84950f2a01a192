"""Builds the Lambda layers: wheels for Lambda, zipped so that equal input gives equal bytes."""
