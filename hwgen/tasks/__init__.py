"""Tasks: the digits, images in general, and the user's own file."""
