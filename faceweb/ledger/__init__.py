"""Who a face was before any edit, and how far it has been taken from there."""
