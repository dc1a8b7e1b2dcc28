"""What the use-cases need of the world outside: a store and a gateway to each provider."""
