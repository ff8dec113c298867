"""What can be asked of artifacts that are published."""
