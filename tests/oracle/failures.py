"""The one error of the oracle: a source that cannot be planned."""


class CannotPlan(Exception):
    """Raised when the job fails while it is planned; its text is the sentence for the user."""
