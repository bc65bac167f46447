"""The one exception for what the user can mend."""


class InputError(ValueError):
    """Something the user gave is wrong.

    The message is one line that names the configuration key or the file and says what to do;
    scripts print it without a traceback.
    """

    def __init__(self, message: str) -> None:
        # What other libraries say, and messages here quote, may run over lines.
        super().__init__(" ".join(message.split()))
