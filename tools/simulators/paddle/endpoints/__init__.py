"""The endpoints of the API, by entity: parse and check the parameters, call the account, return the entity."""
