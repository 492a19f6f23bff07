"""Archives as they are on disk. Only the process for strangers' archives, ``archives.child``, imports it."""
