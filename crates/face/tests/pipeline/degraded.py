"""Writes copies of a photograph that ofiq-syngen makes worse, by component of ISO/IEC 29794-5 and in grades, into the folder given.

The names are COMPONENT-WAY-GRADE.png, and untouched.png; a component may have several ways. Without the assets of OFIQ, which are not installed, some of its ways are
simpler: they cover fixed parts of the picture.
"""

import pathlib
import sys

import cv2
from ofiq_syngen import COMPONENT_REGISTRY

GRADES = (0.25, 0.5, 0.75, 1.0)
SEED = 42


def main() -> None:
    photograph, folder = cv2.imread(sys.argv[1]), pathlib.Path(sys.argv[2])
    # The size of a selfie is enough, and quick.
    photograph = cv2.resize(photograph, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / "untouched.png"), photograph)
    for component, ways in COMPONENT_REGISTRY.items():
        for way, degradation in enumerate(ways):
            for grade in GRADES:
                worse = degradation.function(photograph.copy(), grade, SEED)
                cv2.imwrite(str(folder / f"{component.removesuffix('.scalar')}-{way}-{100 * grade:03.0f}.png"), worse)


if __name__ == "__main__":
    main()
