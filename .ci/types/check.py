"""Let mypy and pyright read ``consumer.py`` as a project that installs the package would.

``python .ci/types/check.py PYRIGHT STUBBED BARE``: the program, and two Pythons that have the
package from its wheel with its extras, pytest and mypy; STUBBED also has the stubs of Django and
REST framework, BARE has none.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

CONSUMER = Path(__file__).with_name("consumer.py")
SETTINGS = """
SECRET_KEY = "of the plugin"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "jwt_refresh",
    "jwt_refresh.contrib.simplejwt",
]
"""
UNTYPED = "[mypy-channels.*]\nignore_missing_imports = True\n"
PLUGINS = f"""
[mypy]
strict = True
plugins = mypy_django_plugin.main, mypy_drf_plugin.main
[mypy.plugins.django-stubs]
django_settings_module = settings
{UNTYPED}"""
# Without stubs, whatever a project derives from Django has an untyped base.
NO_STUBS = """
[mypy]
strict = True
disallow_subclassing_any = False
[mypy-django.*,rest_framework.*,channels.*]
ignore_missing_imports = True
"""
# The columns of a model are unknown to pyright, which has no plugin, in any project.
STRICT = {"typeCheckingMode": "strict", "reportUnknownMemberType": False}
STANDARD = {"typeCheckingMode": "standard"}


def main(pyright: str, stubbed: str, bare: str) -> int:
    """Return how many of the environments have a fault."""
    with TemporaryDirectory(prefix="types-") as name:
        folder = Path(name)
        shutil.copy(CONSUMER, folder)
        (folder / "settings.py").write_text(SETTINGS)
        return sum(
            (
                mypy(folder, stubbed, PLUGINS),
                mypy(folder, stubbed, f"[mypy]\nstrict = True\n{UNTYPED}"),
                mypy(folder, bare, NO_STUBS),
                check(folder, pyright, stubbed, STRICT),
                check(folder, pyright, bare, STANDARD),
            )
        )


def mypy(folder: Path, python: str, config: str) -> bool:
    (folder / "mypy.ini").write_text(config)
    return fails(folder, python, "-m", "mypy", CONSUMER.name)


def check(folder: Path, pyright: str, python: str, config: dict[str, object]) -> bool:
    (folder / "pyrightconfig.json").write_text(json.dumps(config | {"include": [CONSUMER.name]}))
    return fails(folder, pyright, "--pythonpath", python)


def fails(folder: Path, *command: str) -> bool:
    return subprocess.run(command, cwd=folder, check=False).returncode != 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
