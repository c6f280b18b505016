"""What a study may be called. Imports nothing of the program."""

import re

ACTIONS = ("new", "join", "list", "show", "stop", "start", "extend", "add", "space", "delete")  # of `sweep`: no names
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
