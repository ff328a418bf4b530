"""What keeps QM from working well: found for ``qm doctor`` and for the page."""
