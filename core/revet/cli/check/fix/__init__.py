"""Writing safe patches into the source files: text is inserted, and all else stays as it is.

`find_growths` tells what a patch adds to an object, and where; `rewrite` puts that into the text.
"""

from revet.cli.check.fix.growth import Growth, find_growths, grow, unshare
from revet.cli.check.fix.rewriting import Refusal, Rewritten, Wish, rewrite

__all__ = ["Growth", "Refusal", "Rewritten", "Wish", "find_growths", "grow", "rewrite", "unshare"]
