"""Copies of tables: backups, points in time, exports and imports through S3."""
