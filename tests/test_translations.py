"""The catalogues: complete, compiled, and in one language as in another for programs."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import django
import pytest
from django.contrib.auth import get_user_model
from django.utils import translation

from example_project.settings import LANGUAGES
from jwt_refresh import exceptions
from jwt_refresh.exceptions import LoginTooOld, TokenError
from jwt_refresh.web import transport
from tests.support.devices import Device
from tests.support.http import said

ROOT = Path(__file__).parent.parent
PROJECTS = ["jwt_refresh", "example_project"]
CODES = [code for code, _ in LANGUAGES if code != "en"]
LOCALES = [translation.to_locale(code) for code in CODES]
LINE = re.compile(r'(?:(msgctxt|msgid|msgid_plural|msgstr(?:\[(\d)\])?) )?(".*")')
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|{\w+}")
# Which of two apps wins is told by INSTALLED_APPS: what both say must mean the same.
SHARED_WITH_DJANGO = {
    "All dates",
    "Clear selection",
    "Home",
    "No, take me back",
    "Time",
    "session",
    "sessions",
    "user",
}

Entry = dict[str, str]


def entries(project: str, locale: str) -> Iterator[Entry]:
    """The entries of a .po file; the first one is its header."""
    text = (folder(project, locale) / "django.po").read_text()
    for block in text.strip().split("\n\n"):
        entry: Entry = {}
        name = "comments"
        for line in block.splitlines():
            found = LINE.fullmatch(line)
            if found:
                name = found[1] or name
            entry[name] = entry.get(name, "") + (ast.literal_eval(found[3]) if found else line)
        yield entry


def folder(project: str, locale: str) -> Path:
    return ROOT / project / "locale" / locale / "LC_MESSAGES"


def key(entry: Entry) -> str:
    """What gettext looks an entry up by."""
    return "\x04".join(entry[name] for name in ("msgctxt", "msgid") if name in entry)


def translations(entry: Entry) -> dict[str, str]:
    return {name: text for name, text in entry.items() if name.startswith("msgstr")}


def read(path: Path) -> Any:
    with path.open("rb") as file:
        return gettext.GNUTranslations(file)


def compiled(path: Path) -> dict[Any, str]:
    return cast(dict[Any, str], read(path)._catalog)


catalogues = pytest.mark.parametrize("locale", LOCALES)
projects = pytest.mark.parametrize("project", PROJECTS)


@projects
def test_both_projects_have_each_language(project: str) -> None:
    folders = (ROOT / project / "locale").iterdir()
    assert {path.name for path in folders} == {*LOCALES}
    assert LOCALES == ["ko", "ja", "zh_Hans", "es", "de", "fr", "pt_BR"]


@projects
@catalogues
def test_a_catalogue_is_complete(project: str, locale: str) -> None:
    header, *messages = entries(project, locale)
    assert f"Language: {locale}\n" in header["msgstr"]
    # What the sources say is compared in .ci/run, which has the tools for it.
    assert {key(it) for it in messages} == {key(it) for it in list(entries(project, "ko"))[1:]}
    (forms,) = re.findall(r"nplurals=(\d)", header["msgstr"])
    for message in messages:
        assert "fuzzy" not in message.get("comments", "")
        told = translations(message)
        assert len(told) == (int(forms) if "msgid_plural" in message else 1), message
        wanted = sorted(PLACEHOLDER.findall(message["msgid"]))
        for text in told.values():
            assert text.strip(), message
            assert sorted(PLACEHOLDER.findall(text)) == wanted, message


@projects
@catalogues
def test_the_compiled_file_says_the_same(project: str, locale: str) -> None:
    expected: dict[Any, str] = {}
    for entry in entries(project, locale):
        for name, text in translations(entry).items():
            found = LINE.fullmatch(f'{name} ""')
            assert found
            expected[(key(entry), int(found[2])) if found[2] else key(entry)] = text
    assert compiled(folder(project, locale) / "django.mo") == expected


@projects
@catalogues
def test_the_plural_forms_are_those_of_django(project: str, locale: str) -> None:
    ours = read(folder(project, locale) / "django.mo")
    own = Path(django.__file__).parent / "conf" / "locale" / locale / "LC_MESSAGES"
    theirs = read(own / "django.mo")
    for number in (0, 1, 2, 5, 11, 21, 100, 101, 1_000_000):
        assert ours.plural(number) == theirs.plural(number), number


@catalogues
def test_a_word_that_django_has_too_is_known(locale: str) -> None:
    """So that no word of ours stands on a page of Django's where it means something else."""
    ours = {key(entry) for entry in entries("jwt_refresh", locale)} - {""}
    found = Path(django.__file__).parent.glob(f"**/locale/{locale}/LC_MESSAGES/django.mo")
    theirs = {msgid for path in found for msgid in compiled(path)}
    assert "session" in theirs
    assert ours & theirs <= SHARED_WITH_DJANGO


def errors() -> Iterator[TokenError]:
    for kind in vars(exceptions).values():
        if isinstance(kind, type) and issubclass(kind, TokenError):
            yield kind(60) if kind is LoginTooOld else kind()


@pytest.mark.parametrize("language", CODES)
def test_an_error_has_another_sentence_and_the_same_code(language: str) -> None:
    assert len(list(errors())) > 10
    for error in errors():
        with translation.override("en"):
            english: Any = transport.Refusal(error).detail
        with translation.override(language):
            translated: Any = transport.Refusal(error).detail
        assert translated["detail"] != english["detail"]
        assert translated["code"] == english["code"] == error.code


@pytest.mark.parametrize("language", CODES)
def test_a_reader_chooses_the_sentence_and_not_the_code(phone: Device, language: str) -> None:
    wrong = {get_user_model().USERNAME_FIELD: "nobody", "password": "wrong"}

    def answers(**headers: str) -> Iterator[Any]:
        yield phone.get(token=None, **headers)
        yield phone.get(token="x", **headers)
        yield phone.post("/auth/login/", wrong, token=None, **headers)
        yield phone.post("/auth/refresh/", token="x", **headers)

    for english, response in zip(answers(), answers(accept_language=language), strict=True):
        assert response.headers["Content-Language"] == language
        assert said(response)[:2] == said(english)[:2]
        assert said(response)[2] != said(english)[2]
