"""Why a backup or a restore was refused, in a sentence with a remedy."""


class BackupError(Exception):
    """The backup or the restore cannot be made; nothing was changed."""
