"""Info files: what a job asks for, read from cfg, xml or the head of a script, and checked.

``read.read_info`` is the way in; ``command`` looks at the command line that
came out; ``find`` chooses among the names that an info file may have.
"""
