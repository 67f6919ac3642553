"""A whole contest, rehearsed: `python -m tests.rehearsal`, `make rehearse`; plan.py says what happens, day.py does it."""
