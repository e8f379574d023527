"""Metrics as plain functions that know nothing of MLflow."""
