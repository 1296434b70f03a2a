"""Celery workers that read captchas. Import the module you need; this package imports nothing."""
