"""The HTTP API. `models` is what travels (shared with the client); `app` makes the application."""
