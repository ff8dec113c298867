"""Who may ask the server for what, and for how much of it."""
