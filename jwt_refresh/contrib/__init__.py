"""Help for other packages. Each module is loaded only where its package is installed."""
