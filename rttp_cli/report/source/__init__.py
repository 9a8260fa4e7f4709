"""Results read from files: any that is known, by its content. What comes out is a `Result`, whoever wrote the file.

Nothing of a file is believed: keys are checked, counts are added up, sizes are bounded. A file that cannot be used is
an `RttpError` that says where and why.
"""

from rttp_cli.report.source.files import MANY, expand, load, load_all, load_each, of_document
from rttp_cli.report.source.foreign import Unit
from rttp_cli.report.source.merge import merge
from rttp_cli.report.source.slice import Slice, cut

__all__ = ["MANY", "Slice", "Unit", "cut", "expand", "load", "load_all", "load_each", "merge", "of_document"]
