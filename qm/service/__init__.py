"""QM as a service: what starts it when a person logs in, or when the machine starts.

Each of the three systems has a module that says, as steps, what is to be
written and run. ``steps`` shows them or carries them out.
"""
