"""API keys, each bound to one tenant. Only their hashes are stored."""
