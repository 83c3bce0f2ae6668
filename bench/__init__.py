"""What the product costs, counted: AWS calls, capacity units, dollars, import time and size. `python -m bench`."""
