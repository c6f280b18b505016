"""Images as true pixels, in terminals that draw them: what is sent for it, and how a terminal is asked what it can."""
