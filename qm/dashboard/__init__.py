"""The dashboard: running jobs, queue, ended jobs and logs in a terminal, kept up to date."""
