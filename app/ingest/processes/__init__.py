"""Processes that read files beside the web process, whose interpreter stays free for requests."""
