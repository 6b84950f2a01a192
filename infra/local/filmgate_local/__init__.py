"""The local AWS: start it, deploy the packaged template to it, stop it."""
