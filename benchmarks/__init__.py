"""What jwt_refresh costs, and what its rule does: each runs by ``python -m benchmarks.NAME``."""
