"""The routes, one module a resource. Each parses, makes one call and names the result's type."""
