"""Records what this version reads: `python -m tests.architecture.record_readers`, at a release.

`test_contract.py` then holds what later versions write against it: a pod of this version may run under any of them.
"""

import json

from shared.version import VERSION
from tests.architecture.contracts import MODELS, READERS


def main() -> None:
    folder = READERS / VERSION
    folder.mkdir(parents=True)
    for kind, model in MODELS.items():
        (folder / f"{kind}.json").write_text(json.dumps(model.model_json_schema(), indent=1) + "\n")


if __name__ == "__main__":
    main()
