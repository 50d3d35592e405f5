"""One face onto another: what was asked for, whether it can be done, and the doing."""
