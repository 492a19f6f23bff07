"""Series and structure sets in the forms that training wants: NIfTI, masks, DICOM SEG; made by jobs, filed as files."""
