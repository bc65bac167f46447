"""The exception for errors that the user can mend, and what it says of others."""


class InputError(ValueError):
    """An error in the user's input.

    The message is one line. It names the configuration key or the file, the error, and the remedy. Scripts print it
    without a traceback.
    """

    def __init__(self, message: str) -> None:
        # Quoted messages of other libraries may contain line breaks.
        super().__init__(" ".join(message.split()))


def explain(error: Exception) -> str:
    """Return the first line of an error, or its kind if it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
