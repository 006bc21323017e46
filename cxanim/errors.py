"""What can go wrong in the world, each with the next step for the person.

Mistakes of a caller (a wrong shape, a negative size) are ``ValueError`` and ``TypeError``; they name
what was wrong, what came and what was expected. Everything here is the other kind: a picture without
a face, a broken video, a full disk. Front ends print the sentence and go on living.
"""


class CxanimError(Exception):
    """Something a person can put right.

    Args:
        problem: one sentence that says what is the matter, with the name of the file where there is one.
        next_step: one sentence that says what to do about it.
    """

    def __init__(self, problem: str, next_step: str):
        super().__init__(f"{problem} {next_step}")
        self.problem = problem
        self.next_step = next_step


class BadSetting(CxanimError, ValueError):
    """A flag, a control or a variable of the environment that was set to what it cannot be."""

    def __init__(self, problem: str, next_step: str = "Change it and try again."):
        super().__init__(problem, next_step)


class UnreadableImage(CxanimError):
    """A file that should be a picture and is not one we can read."""


class UnreadableVideo(CxanimError):
    """A file that should be a video and is not one we can read."""


class UnreadableMotion(CxanimError):
    """A file of motion capture that is not one we can read."""


class TooLarge(CxanimError):
    """An input beyond the limits on bytes, pixels or seconds."""


class NoFace(CxanimError):
    """No face where one is needed."""


class NoFigure(CxanimError):
    """No body where one is needed."""


class MissingWeights(CxanimError):
    """The weights of a network are not at hand."""


class BadPuppet(CxanimError):
    """A puppet or motion file that is damaged, of an unknown format, or unsafe."""


class CannotWrite(CxanimError):
    """The result cannot be stored: full disk, missing or unwritable folder, unknown ending."""


class NotEnoughMemory(CxanimError):
    """The machine ran out of memory."""

    def __init__(
        self,
        problem: str = "The machine ran out of memory.",
        next_step: str = "Choose a smaller size, or close other programs.",
    ):
        super().__init__(problem, next_step)


class Busy(CxanimError):
    """Another job has the machine or the file."""


class Cancelled(CxanimError):
    """The person stopped the job."""

    def __init__(self, problem: str = "Stopped.", next_step: str = "Nothing was kept; start again when you like."):
        super().__init__(problem, next_step)


_OUT_OF_MEMORY = ("can't allocate memory", "cannot allocate memory", "insufficient memory", "out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had.

    Python and NumPy say so by the class of the error; torch, OpenCV and the system only by its words.
    """
    words = str(error).lower()
    return isinstance(error, MemoryError) or any(phrase in words for phrase in _OUT_OF_MEMORY)
