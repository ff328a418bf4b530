"""Jobs that come through the page: piece by piece, checked, and one rename at the end."""
