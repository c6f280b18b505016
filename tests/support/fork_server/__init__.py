"""Starts the program's own processes without the seconds that they take to import torch.

One process of a test session, `server`, has imported the big packages that are not the program's own, and forks a host,
a worker or a command where a test, or a program that a test has started, is about to start one. `launching`
stands in the place of `subprocess.Popen` there; `site/sitecustomize.py` puts it into the programs that tests start.
`session` has the server started with the first process that is asked for. Whatever the server can't give, the usual
start does.
"""
