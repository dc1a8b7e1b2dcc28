"""The tests. A package, so that no installed `tests` package shadows it."""
