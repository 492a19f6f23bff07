"""One module a kind of file: what of it is shown, as plain data for a template or as a picture.

All of it runs in the confined process (``previews.confined``); a function takes the path of the file, its name and what
is asked of it, and answers a JSON object and bytes. What cannot be shown raises ``Undrawable`` with a sentence.
"""


class Undrawable(Exception):
    """It cannot be shown, and the message says why."""
