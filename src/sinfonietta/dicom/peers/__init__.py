"""Other DICOM nodes: who they are, what they may, and calling them."""
