"""The process beside a job: it runs one job at a time and outlives the manager."""
