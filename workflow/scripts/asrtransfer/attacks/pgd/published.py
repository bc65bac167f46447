"""Published figures of projected gradient descent.

Source: Abdullah et al., "SoK: The Faults in our ASRs", IEEE S&P 2021, appendix "Transferability", Table VI and the
paragraphs beside it, which state no top-ten count.
"""

from __future__ import annotations

from typing import Any

PUBLISHED: dict[str, Any] = {
    "name": "Table VI",
    "samples": {
        "delete my messages": 29968,
        "browse to evil website": 30000,
        "what is the weather today": 30000,
        "go to evil website": 30000,
        "open the door": 64293,
        "transfer money to my account": 30000,
        "turn off all the cameras": 30000,
        "order me some candy": 30000,
        "take a picture": 30000,
    },
    "stated_total": 239968,
    "transfers": 0,
    "top_ten": None,
    "near": [],
}
"""What :meth:`asrtransfer.statistics.published.Published.from_dict` takes."""
