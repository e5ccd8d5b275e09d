"""Write those parts of the reference pages, and ``llms.txt``, that follow from the code.

    python docs/reference.py            # writes them anew
    python docs/reference.py --check    # changes nothing; fails where they are old, and says why

A part stands between the comments ``<!-- from the code: NAME -->`` and ``<!-- end -->``. The rest
of a page is written by hand.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import django
from django.conf import settings

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))
settings.configure(
    SECRET_KEY="of no project",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "jwt_refresh",
        "drf_spectacular",
    ],
    ROOT_URLCONF="jwt_refresh.urls",
    REST_FRAMEWORK={"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"},
    # So that the rules on cookies have names to speak of.
    JWT_REFRESH={"ACCESS_COOKIE": "access-token", "REFRESH_COOKIE": "refresh-token"},
)
django.setup()

from django.core.management import load_command_class  # noqa: E402
from django.core.management.base import BaseCommand  # noqa: E402
from django.test import override_settings  # noqa: E402
from drf_spectacular.generators import SchemaGenerator  # noqa: E402
from messages import deployed, messages  # noqa: E402
from rest_framework import exceptions as rest  # noqa: E402

from jwt_refresh import conf, exceptions, signals, urls  # noqa: E402
from jwt_refresh.checks import types  # noqa: E402
from jwt_refresh.web.endpoint import RequestTooLarge  # noqa: E402
from jwt_refresh.web.transport import Refusal  # noqa: E402

GROUPS = {
    "SECRET": "Keys",
    "ISSUER": "Tokens",
    "LIFETIME": "Lifetimes",
    "REFRESH_GRACE": "Rotation",
    "MAX_SESSIONS": "Sessions",
    "AUTH_HEADER_NAME": "Where a token travels",
    "USER_ID_FIELD": "Users and claims",
    "LOGIN_RATE": "Limits and records",
}
"""The headings of the settings, each above the setting with which it begins."""
OF_REST_FRAMEWORK: dict[type[rest.APIException], str] = {
    rest.NotFound: (
        "A session that is not one's own; login and refresh at a server that only verifies."
    ),
    rest.MethodNotAllowed: "Another method than the endpoint has; `Allow` names them.",
    RequestTooLarge: inspect.getdoc(RequestTooLarge) or "",
    rest.UnsupportedMediaType: "The body is neither JSON nor a form, or not in UTF-8.",
    rest.Throttled: (
        "Too many tries; `Retry-After`, and `retry_after` in the body, say in how many seconds to"
        " come back."
    ),
}
"""The errors that are not of our tree, with what they mean here."""
COMMANDS = ("generate_signing_key", "purge_sessions", "jwt_refresh_move_in")


def markdown(text: str) -> str:
    """Make one line of Markdown of a docstring, or of a part of one."""
    return " ".join(text.replace("``", "`").split())


def table(head: str, rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {head} |"
    yield f"|{'---|' * len(head.split(' | '))}"
    for row in rows:
        cells = (cell.replace("|", "\\|") for cell in row)
        yield f"| {' | '.join(cells)} |".replace("|  |", "| |")


def texts_below(node: ast.Module | ast.ClassDef) -> dict[str, str]:
    """Return the text that stands below each name that is assigned in a module or class."""
    found = {}
    for statement, text in pairwise(node.body):
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(id=name)])
                    | ast.AnnAssign(target=ast.Name(id=name))
                ):
                    found[name] = str(text.value.value)
    return found


def parsed(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


# Settings


def of_settings() -> Iterator[str]:
    classes = (node for node in parsed(conf).body if isinstance(node, ast.ClassDef))
    (meanings,) = (texts_below(node) for node in classes if node.name == "Conf")
    if lost := GROUPS.keys() - types.TYPES.keys():
        raise ValueError(f"A heading has no setting: {lost}")
    for name, kind in types.TYPES.items():
        if name in GROUPS:
            yield from (f"## {GROUPS[name]}", "")
        default = vars(conf.Conf)[name].default
        yield from (f"### {name}", "")
        yield from (textwrap.fill(markdown(meanings[name]), 110), "")
        yield from (f"Takes {types.describe(kind)}. Default: `{shown(default)}`.", "")


def shown(value: object) -> str:
    """Return a default as it is typed."""
    if not isinstance(value, timedelta):
        return repr([*value] if isinstance(value, tuple) else value).replace("'", '"')
    for unit in ("days", "hours", "minutes", "seconds"):
        if not value % timedelta(**{unit: 1}):
            return f"timedelta({unit}={value // timedelta(**{unit: 1})})"
    raise ValueError(value)


# Errors


def of_errors() -> Iterator[str]:
    found: dict[tuple[int, str], tuple[list[str], str]] = {}
    # A base class comes first: what is derived from it may share its code.
    for kind in sorted(all_errors(), key=lambda kind: len(kind.__mro__)):
        refusal = Refusal(kind(0) if kind is exceptions.LoginTooOld else kind())
        answer: Any = refusal.detail
        meaning = (inspect.getdoc(kind) or "").partition("\n\n")[0]
        sentences, _ = found.setdefault((refusal.status_code, kind.code), ([], meaning))
        if str(answer["detail"]) not in sentences:
            sentences.append(str(answer["detail"]))
    for other, meaning in OF_REST_FRAMEWORK.items():
        sentence = re.sub(r'"?\{\w+\}"?', "…", str(other.default_detail))
        found[other.status_code, other.default_code] = [sentence], meaning
    for (status, code), (sentences, meaning) in sorted(found.items()):
        yield from (f"## {code}", "", f"{status} {' or '.join(f'*{it}*' for it in sentences)}", "")
        yield from (textwrap.fill(markdown(meaning), 110), "")


def all_errors() -> Iterator[type[exceptions.TokenError]]:
    """Yield each error but the base of all, whose code is that of ``TokenInvalid``."""
    for name in exceptions.__all__:
        kind: type[exceptions.TokenError] = getattr(exceptions, name)
        if kind is not exceptions.TokenError:
            yield kind


# Signals


def of_signals() -> Iterator[str]:
    texts = texts_below(parsed(signals))
    yield from table(
        "signal | sent",
        ((f"`{name}`", markdown(text)) for name, text in texts.items()),
    )


# Checks


def of_checks() -> Iterator[str]:
    yield from table(
        "id | what it says | what to do",
        (
            (
                f"`{check}`" + " (deploy)" * (check in deployed()),
                f"{with_code(names.replace(', ', ' or '))} {with_code(said)}".strip(),
                with_code(todo),
            )
            for check, names, said, todo in messages()
        ),
    )


def with_code(text: str) -> str:
    """Mark what is code in a text for the console: names of settings, quoted texts, commands."""
    names = "|".join(types.TYPES)
    code = "|".join(
        (
            r"`[^`]+`",
            r'python -c ".+"',
            r'"[^"]+"',
            rf"'?\b(?:{names})\b'?",
            r"\w*_\w*(?:\['\w+'\])?(?:\(\))?",
        )
    )
    return re.sub(code, lambda found: "`" + found[0].strip("`'") + "`", text)


# Commands


def of_commands() -> Iterator[str]:
    inherited = {action.dest for action in BaseCommand().create_parser("", "")._actions}
    for name in COMMANDS:
        command = load_command_class("jwt_refresh", name)
        parser = command.create_parser("manage.py", name)
        yield from (f"## {name}", "", f"{parser.description}", "")
        yield from table(
            "argument | default | meaning",
            (
                (
                    f"`{action.option_strings[0]}`",
                    "" if action.nargs == 0 else f"`{action.default}`",
                    f"{action.help}" + choices(action.choices),
                )
                for action in parser._actions
                if action.dest not in inherited
            ),
        )
        yield ""


def choices(given: Iterable[Any] | None) -> str:
    return f": {', '.join(f'`{it}`' for it in given)}" if given else ""


# Endpoints


def of_endpoints() -> Iterator[str]:
    with override_settings(JWT_REFRESH={}):
        generator: Any = SchemaGenerator  # which has no types
        schema = generator().get_schema(public=True)
    shapes = schema["components"]["schemas"]
    routes = {route.name: str(route.pattern) for route in urls.urlpatterns if route.name}
    told = {
        name: schema["paths"]["/" + re.sub(r"<(\w+)>", r"{\1}", it)] for name, it in routes.items()
    }
    statuses = [
        {*operation["responses"]} for paths in told.values() for operation in paths.values()
    ]
    everywhere = set.intersection(*statuses)
    rows = []
    for name, operations in told.items():
        ((method, operation),) = operations.items()
        path = routes[name] if "." not in routes[name] else routes[name].rstrip("/")
        answers = sorted({*operation["responses"]} - everywhere)
        purpose = re.split(r"[.:] ", markdown(operation["description"]))[0].rstrip(".")
        rows.append(
            (
                f"`{urls.app_name}:{name}`",
                f"{method.upper()} `{path}`",
                purpose,
                asked(operation, shapes),
                ", ".join(answers),
            )
        )
    yield from table("name | method, path | does | asks for | answers", rows)
    yield ""
    listed = ", ".join(sorted(everywhere))
    yield f"Each may answer {listed} as well: [errors.md](errors.md) tells when."


def asked(operation: Any, shapes: Any) -> str:
    if {} not in operation.get("security", [{}]):
        return "an authenticated request"
    if "requestBody" not in operation:
        return "nothing"
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    shape = shapes[reference.rpartition("/")[2]]
    fields = [f"`{name}`" for name in shape["properties"]]
    return ", ".join(fields) if shape.get("required") else f"a token, as {' or '.join(fields)}"


# Pages


def of_llms() -> Iterator[str]:
    """Tell the pages as llmstxt.org has it: the head of the README, and the list of the index."""
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    title, summary, details = readme.split("\n\n")[:3]
    yield f"{title}\n\n> {summary}\n\n{details}"
    listed = (DOCS / "index.md").read_text(encoding="utf-8").partition("## Documents\n")[2]
    listed = listed.partition("\n```{toctree}")[0].replace("\n### ", "\n## ")
    # Of documents in the folder above the site has no Markdown.
    listed = re.sub(r"\n- \[[^]]+\]\(\.\./.+", "", listed)
    yield listed.replace("](#", "](index.md#").rstrip()


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "settings": of_settings,
    "endpoints": of_endpoints,
    "errors": of_errors,
    "signals": of_signals,
    "checks": of_checks,
    "commands": of_commands,
}
"""By the name of the page, which is that of the part, too."""


def pages() -> Iterator[tuple[Path, str]]:
    """Yield each page with the text that it should have."""
    for name, part in PARTS.items():
        path = DOCS / f"{name}.md"
        written = "\n".join(part()).strip()
        begin, end = f"<!-- from the code: {name} -->\n", "<!-- end -->"
        before, _, old = path.read_text(encoding="utf-8").partition(begin)
        yield path, f"{before}{begin}\n{written}\n\n{end}{old.partition(end)[2]}"
    yield DOCS / "llms.txt", "\n".join(of_llms()) + "\n"


def main(arguments: list[str]) -> int:
    old = []
    for path, text in pages():
        there = path.read_text(encoding="utf-8") if path.exists() else ""
        if there == text:
            continue
        old.append(path)
        if arguments == ["--check"]:
            lines = there.splitlines(), text.splitlines()
            sys.stdout.writelines(f"{it}\n" for it in difflib.unified_diff(*lines, path.name))
        else:
            path.write_text(text, encoding="utf-8")
    if old and arguments:
        sys.stdout.write("Write them anew: python docs/reference.py\n")
    return 1 if old and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
