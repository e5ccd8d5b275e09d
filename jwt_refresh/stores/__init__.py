"""The database and the cache: which one is asked, and what happens if it does not answer."""
