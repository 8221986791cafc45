"""Reading manifests for `revet check`: paths in, objects with the places of their fields out.

    inputs = find_inputs(["deploy/", "-"])               # what there is to read, in order
    for found in load(inputs, find_renderers(), sys.stdin.buffer):
        match found:
            case Document():      # an object: .value, .source, .locate("/spec/hostNetwork")
            case InputProblem():  # bad input, with file and line; all else is read
            case Skipped():       # found, not checked, and why

`read_input` reads a single input, for whoever shares them out among processes.
"""

from revet.cli.load.document import Document, InputProblem, Loaded, Origin, Skipped, Source
from revet.cli.load.inputs import STDIN_NAME, Chart, File, Found, Input, Kustomization, find_inputs
from revet.cli.load.places import Place
from revet.cli.load.reading import load, read_input
from revet.cli.load.rendering import Renderers, find_renderers

__all__ = [
    "STDIN_NAME",
    "Chart",
    "Document",
    "File",
    "Found",
    "Input",
    "InputProblem",
    "Kustomization",
    "Loaded",
    "Origin",
    "Place",
    "Renderers",
    "Skipped",
    "Source",
    "find_inputs",
    "find_renderers",
    "load",
    "read_input",
]
