"""DIMSE on a socket (DICOM PS3.7, PS3.8), for the door and for what calls other nodes; without Django.

``pdu``: the units of the upper layer. ``commands``: command sets. ``identifiers``: datasets of queries.
``negotiation``: what is accepted, with pynetdicom's classes. ``association``: messages of an established association.
``requestor``: calling another node.
"""
