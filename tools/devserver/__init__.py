"""The local server: API Gateway, streams and schedules of the template, without AWS."""
