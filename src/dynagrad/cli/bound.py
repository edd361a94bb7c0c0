"""Imported by the server that forks a bound program's processes: binds the names, and loads what they will use."""

from dynagrad.cli.binding import bind

bind()
