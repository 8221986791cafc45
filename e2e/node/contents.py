"""What is in the node's images: the pause, and a program of ours with this Python."""

import re
import subprocess
import sys
import sysconfig
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from e2e.node.image import Content

_APP: Final = "/app"
#: Parts of a Python that no program needs, and what is installed into it: ours are taken apart.
_SKIPPED: Final = re.compile(
    r"(site|dist)-packages|tests?|idlelib|tkinter|turtledemo|ensurepip|lib2to3|config-.*|.*\.opt-.\.pyc"
)
_LIBRARY: Final = re.compile(r"(?:=> |^\s+)(/\S+) \(0x", re.MULTILINE)


def pause_content(program: Path) -> Content:
    """Return the image from which each pod's sandbox is."""
    return Content({"/pause": program}, entrypoint=["/pause"])


def canary_content(name: str = "revet-canary") -> Content:
    """Return this Python and the packages of ours that are a program's, with it on PATH.

    The Python lies where it lies here, since it looks for its parts from where it is.
    """
    [entry] = entry_points(group="console_scripts", name=name)
    packages = [entry.module.rpartition(".")[0], "revet.core"]
    python = Path(sys.executable).resolve()
    standard = Path(sysconfig.get_path("stdlib")).resolve()
    own = {f"{_APP}/{each.replace('.', '/')}": _folder(each) for each in packages}
    script = f"#!{python}\nimport sys\nfrom {entry.module} import main\nsys.exit(main())\n"
    return Content(
        paths={str(each): each for each in (python, standard, *_libraries(python, standard))} | own,
        texts={f"/usr/local/bin/{name}": script},
        environment={"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": _APP},
        skipped=_SKIPPED,
    )


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise LookupError(f"no package {package} is installed here")
    return Path(spec.origin).parent


def _libraries(python: Path, standard: Path) -> list[Path]:
    """Return what the Python and its extensions are linked with, by the paths of this machine."""
    extensions = sorted((standard / "lib-dynload").glob("*.so"))
    done = subprocess.run(["ldd", python, *extensions], capture_output=True, text=True, check=True)
    return sorted({Path(each) for each in _LIBRARY.findall(done.stdout)})
