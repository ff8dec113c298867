"""Serves registry artifacts over HTTP: routing, engines, the FastAPI application."""
