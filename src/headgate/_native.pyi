"""
The native part of headgate; headgate.kernels.native is its one importer.
"""



def instruction_sets() -> list[str]:
    """
    The instruction sets that this processor and operating system run, in rising order.
    """

def best() -> str:
    """The last of them: the one whose kernels run."""
