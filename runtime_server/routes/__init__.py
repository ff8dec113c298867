"""The routes, one router per subject."""
