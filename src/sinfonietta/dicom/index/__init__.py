"""The DICOM index: kept true by ``indexer``; ``selection`` and ``loading`` ask it, in SQL, what ``matching`` says."""
