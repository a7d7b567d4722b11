"""Has no run."""


def setup(_params):
    return None


def result(_state):
    return None
