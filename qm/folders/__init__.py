"""The four folders: where things lie, and the moves between them, each crash-atomic."""
