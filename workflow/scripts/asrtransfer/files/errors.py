"""The exception for errors that the user can mend."""


class InputError(ValueError):
    """An error in the user's input.

    The message is one line. It names the configuration key or the file, the error, and the remedy. Scripts print it
    without a traceback.
    """

    def __init__(self, message: str) -> None:
        # Quoted messages of other libraries may contain line breaks.
        super().__init__(" ".join(message.split()))
