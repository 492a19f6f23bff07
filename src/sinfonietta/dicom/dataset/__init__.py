"""What a DICOM file says: its bytes (``source``), elements and values to the JSON model of PS3.18 F, one header.

Without Django. ``parse`` reads a header and ``packing`` keeps it; ``attributes`` is the little of it that is indexed.
"""
