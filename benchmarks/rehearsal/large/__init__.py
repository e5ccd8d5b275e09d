"""A project as people grow it: a user model of its own, and other packages in its settings."""
