"""What ``make lint`` tells of the size of each room."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path

import pytest

from benchmarks import budget
from benchmarks.budget import BUDGET, PACKAGE, code_lines, modules, report

MARKED = '''
"""A docstring
of two lines."""

import os  # code

SQL = """
SELECT 1
"""  # code, code, code
LIMIT = 3  # code
"""A string that stands alone."""


@os.register_at_fork  # code
def join(
    one: str,  # code, after "def join(" which is code
    # a comment, alone

    two: str,  # code
) -> str:  # code
    """Docstring."""
    "Another, "
    "and another."
    return f"""{one}
{two}"""  # code, code


async def short(): "On the line of its def."  # code


print(  # code
    "a string that is given"  # code
)  # code
'''
CODE = {5, 7, 8, 9, 10, 14, 15, 16, 19, 20, 24, 25, 28, 31, 32, 33}


def test_only_code_counts() -> None:
    assert code_lines(MARKED, ast.parse(MARKED)) == CODE


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return tmp_path / "shop"


def write(path: Path, lines: int, function: int = 0) -> None:
    """``lines`` lines of code, the last ``function`` of them in one function."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = ["def long():", *["    print()"] * (function - 1)] if function else []
    plain = ["print()"] * (lines - len(body))
    path.write_text("\n\n# A comment\n".join(["", *plain, *body]))


def test_each_room_is_counted_beside_its_budget(package: Path) -> None:
    write(package / "__init__.py", 2)
    write(package / "admin.py", 700)
    write(package / "conf.py", 40)
    write(package / "core" / "__init__.py", 1)
    write(package / "core" / "claims.py", 600)
    write(package / "core" / "keys" / "pairs.py", 39)
    write(package / "management" / "commands" / "purge.py", 51)
    write(package / "migrations" / "0001_initial.py", 5000)
    write(package / "stores" / "cache.py", 142)
    assert report(package).partition("\n\n")[0].splitlines() == [
        "room               lines  budget",
        "core                 640     640",
        "sessions               0     560",
        "stores               142     140  over by 2",
        "web                    0     330",
        "checks                 0     260",
        "names of Django      751     750  over by 1",
        "__init__               2",
        "conf                  40",
        "all                 1575",
    ]


def test_places_to_look(package: Path) -> None:
    write(package / "core" / "__init__.py", 1)
    write(package / "core" / "claims.py", 200, function=30)
    write(package / "core" / "tokens.py", 201, function=31)
    write(package / "stores" / "cache.py", 19)
    write(package / "stores" / "denylist.py", 20)
    write(package / "urls.py", 3)
    assert report(package).partition("\n\n")[2].splitlines() == [
        "Places to look:",
        "shop/core/tokens.py: 201 lines, more than 200",
        "shop/core/tokens.py:514 long: 31 lines, more than 30",
        "shop/stores/cache.py: 19 lines, fewer than 20",
    ]


def test_nothing_to_look_at(package: Path) -> None:
    write(package / "conf.py", 20)
    assert report(package).endswith("\n\nPlaces to look:\nnone\n")


def test_an_async_function_is_measured(package: Path) -> None:
    path = package / "views.py"
    write(path, 31, function=31)
    path.write_text(path.read_text().replace("def", "async def"))
    assert "shop/views.py:4 long: 31 lines, more than 30\n" in report(package)


def test_every_room_with_a_budget_is_there() -> None:
    assert {module.room for module in modules(PACKAGE)} >= set(BUDGET)


def test_the_command_tells_of_this_package(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(budget.__file__, run_name="__main__")
    assert capsys.readouterr().out == report(PACKAGE)
