"""Started by the function's interpreter: `python -I -S bootstrap.py`. Only the runtime's own folder is on the path."""

import sys

sys.path.insert(0, __file__.rpartition("/")[0] or ".")

from wakeful_runtime import main  # type: ignore[import-not-found]

if __name__ == "__main__":  # and not when multiprocessing loads it in a child
    main.run()
