"""What a DICOM file shows: one frame decoded, drawn, transcoded; what is laid over it. Without Django."""
