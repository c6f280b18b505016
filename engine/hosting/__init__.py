"""Processes of their own that outlive the app: which one it is, whether it lives, and the socket that it listens on."""
