"""Child processes that read files, so that the web process stays free for other requests."""
