"""What can go wrong, by what the caller does next: again, recover, or a person has to look."""


class Again(Exception):
    """A service is away, or an answer was lost. Nothing is lost: recover, which settles what happened, and go on."""


class Taken(Exception):
    """Another writer has the partition, or had it for a moment: recover before going on."""


class Broken(Exception):
    """What is there contradicts itself, or can't be honoured. It is never stepped over: a person has to look."""


class Usage(Exception):
    """The configuration or the command line is wrong; nothing was begun."""
