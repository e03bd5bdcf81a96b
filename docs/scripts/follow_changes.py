"""Follow what happens in an archive, and go on where it stopped after a restart.

Try it: `python docs/scripts/follow_changes.py http://127.0.0.1:8104/dicom-web position.txt`
"""

from __future__ import annotations

import sys
from pathlib import Path

from filmjacket.client import Client, changes


def main(url: str, position: Path, once: bool) -> None:
    with Client(url) as client:
        after = int(position.read_text()) if position.exists() else client.do(changes.latest())
        while True:
            page = client.do(changes.read(after, wait=None if once else 30))
            for change in page.changes:
                what = change.url.partition("/dicom-web/")[2] or change.uid
                print(f"{change.number:8}  {change.at}  {change.level} {change.action}  {what}")
            # Written after the work is done: whoever is killed in between sees the same changes again, and misses none.
            after = page.through
            position.write_text(str(after))
            if once and page.done:
                return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), once="--once" in sys.argv)
