"""The way to the target: ssh, docker or any command that gives a POSIX shell.

target.py    HOST as typed becomes a Target                          pure
command.py   the words of the command that reaches it                pure
explain.py   exit status and last words become one clear error       pure
reasons.py   the texts of ssh and docker, and what they mean         pure
person.py    whether somebody can be asked                        I/O
lines.py     stderr bytes become bounded lines                       pure
process.py   the child process: one socket, its stderr, its end      I/O
"""
