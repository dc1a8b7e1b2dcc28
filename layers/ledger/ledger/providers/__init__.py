"""The payment providers: the only place where their words occur."""
