"""The client side: the HTTP client of the API, and scans of folders."""
