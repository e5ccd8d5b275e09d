"""The keys that sign and verify: from settings, PEM or JWK to a keyring."""
