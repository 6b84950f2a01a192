"""Tables: one module a table or pair of tables that live together."""
