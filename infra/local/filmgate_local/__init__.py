"""The local AWS: ministack as a background process, and our packaged template deployed to it."""
