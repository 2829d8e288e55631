"""What the player does: pygame in, signals out, and the rules."""
