"""A function of Lambda that does nothing: what it takes is the runtime's own."""


def lambda_handler(request: object, context: object) -> None:
    """Return nothing."""
