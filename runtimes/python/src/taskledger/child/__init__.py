"""The side of the child in the protocol between a runner and the processes it starts. For runners alone."""
