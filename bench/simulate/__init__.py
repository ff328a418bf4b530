"""Random histories of QM on a machine that exists only in memory.

**What is real.** All of QM's own code that a job meets on its way: `qm.daemon.serve` with its
threads (reactor, lanes, lookers), core, effects, recovery, requests, the local system, and
`qm.supervisor` from its orders to the exit record; below it `qm.osops` with its folder handles,
staged writes, syncs and locks. A second model of the effects would prove nothing about the first.

**What is simulated.** What QM calls the system by: the modules ``os``, ``fcntl``, ``time``,
``threading``, ``queue`` and ``secrets`` that its modules have imported (`beneath`). Behind them
are a disk in memory (`disk`, `system_calls`, `whole_files`), a clock and threads that take turns
(`kernel`, `primitives`), scripts that end after a while (`scripts`), and an index without SQLite
(`kept_index`). Mail, file events by watchdog and the web page are left out.

**A history** (`history`) is a list of steps made from a seed: people drop, copy slowly, rename,
edit, move, delete, copy a job that has ended, put one back, hold, kill, rerun (`people`); a
manager or a supervisor is killed after so many more effects, in the middle of a write as well;
the power fails. Each step has random numbers of its own for all that it leaves open: which thread
is next, after which system call it has to wait, how long a script takes. The same seed gives the
same history, and a step can be left out of it (`shrink`).

**A power cut** undoes what was not synced, as `disk` says: the names that came after some moment,
and the data of any file that was written since its last sync.

**Afterwards** (`promises`) all must come to rest, and then: every folder is where it belongs, no
file of a person is gone, each attempt was started once and never beside another one of that job,
records and history tell how the scripts really ended, each end once, nothing is left open, the
index equals one that is made anew, and another restart changes nothing. What QM logs as its own
fault counts as well.

``python -m bench simulate --histories 100000`` lives through that many; a history that breaks a
promise is made as short as it can be, and told in words.
"""
