"""The endpoints of the API, by object: parse and check the parameters, call the account, return the object."""
