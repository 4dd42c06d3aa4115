"""The program of a child process that runs functions of Python modules. A runner starts it; nobody else needs to."""

import os
import sys

if sys.version_info < (3, 9):
    sys.exit("taskledger needs Python 3.9 or newer; this is " + sys.version.split()[0])

# With the directory of this program gone from it, the path holds what the interpreter itself has, and the package beside it.
_here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.join(_here, "src"), *(one for one in sys.path if os.path.abspath(one) != _here)]

from taskledger.child.main import main  # noqa: E402

main()
