"""What can be wrong with a network, light to import."""


class ContractError(ValueError):
    """A graph does not take or give what its card says."""
