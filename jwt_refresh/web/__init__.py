"""The way between HTTP and the verbs: where a token stands in a request, limits, the base view."""
