"""What a developer runs by hand; no part of the program."""
