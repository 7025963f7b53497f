"""What Statecast claims about speed, memory and accuracy, measured: ratios within one run."""

import os

# As in a worker's child (`app.worker.devices`), and before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
