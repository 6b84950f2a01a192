"""The library's owner's side: the HTTP client of the API and what a scan of a folder returns."""
