"""The games of the three tutorials, and the players and pictures of the third."""
