"""What is sent: the delivery loop, and the process that runs it beside the game."""
