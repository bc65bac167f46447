"""Published figures of Carlini and Wagner's attack.

Source: Abdullah et al., "SoK: The Faults in our ASRs", IEEE S&P 2021, appendix "Transferability", Table V and the
paragraphs beside it. The text gives one top-ten share a rank and does not name its confidence; it follows the high one.
The denominators of the near targets are not given, nor how often the clean audio has the target in the top ten.
"""

from __future__ import annotations

from typing import Any

PUBLISHED: dict[str, Any] = {
    "name": "Table V",
    "samples": {
        "delete my messages": 1867,
        "browse to evil website": 1086,
        "what is the weather today": 1525,
        "go to evil website": 1652,
        "open the door": 2253,
        "transfer money to my account": 1180,
        "the fault dear is not in our stars": 1312,
        "turn off all the cameras": 1401,
        "text mom i need money": 1400,
        "order me some candy": 1812,
        "take a picture": 1755,
    },
    "stated_total": 17243,
    "transfers": 0,
    "top_ten": 0,
    "near": [
        [2, "low", 0.065, None],
        [2, "high", 0.40, 0.68],
        [3, "low", 0.030, None],
        [3, "high", 0.31, 0.63],
    ],
}
"""What :meth:`asrtransfer.statistics.published.Published.from_dict` takes."""
