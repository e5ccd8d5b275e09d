from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from jwt_refresh.management.moving import leaving
from jwt_refresh.management.moving.finding import SIMPLEJWT, Project, look
from jwt_refresh.management.moving.reading import Translation
from jwt_refresh.management.moving.reasons import PACKAGES
from jwt_refresh.management.moving.translating import translate
from jwt_refresh.sealing import sealed

NOTHING = "Neither simplejwt, knox, dj-rest-auth nor authtoken is in use here: nothing is to move."
HEAD = (
    "What a move to jwt_refresh changes; docs/moving-in.md is the guide. Nothing was changed. All "
    "but the code is comments: the whole can be pasted below the old settings, and ticked off."
)
COMPAT_URLS = (
    'include("jwt_refresh.contrib.simplejwt.urls") has token/, token/refresh/, token/verify/ and '
    "token/blacklist/, under the names that simplejwt's documentation gives them."
)
OWN_CODE = (
    "Code of your own that makes tokens (RefreshToken.for_user, AuthToken.objects.create, "
    "Token.objects.create) is not found here: it becomes jwt_refresh.sessions.start(user, request)."
)
PROXIES = (
    'REST_FRAMEWORK["NUM_PROXIES"] is not set: say there how many proxies of your own stand in '
    "front of the server, or 0; failed logins are counted by address."
)
OUR_URLS = 'include("jwt_refresh.urls") has our own endpoints, for any free path, such as auth/.'


class Command(BaseCommand):
    help = "Print what a move from simplejwt, knox, dj-rest-auth or authtoken changes."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="print it; the only mode there is")

    @sealed
    def handle(self, *args: Any, **options: Any) -> None:
        if not options["check"]:
            raise CommandError("It changes nothing, and only prints: give it --check.")
        project = look()
        rest_auth: Any = getattr(settings, "REST_AUTH", None)
        uses_jwt = isinstance(rest_auth, Mapping) and bool(rest_auth.get("USE_JWT"))
        simplejwt = uses_jwt or _is_set("SIMPLE_JWT") or project.uses(SIMPLEJWT)
        knox = _is_set("REST_KNOX") or project.uses("knox")
        others = project.uses_authtoken or rest_auth is not None or project.uses("dj_rest_auth")
        for fault in project.faults:
            self.stdout.write(_comment(fault))
        if not (simplejwt or knox or others):
            self.stdout.write(_comment(NOTHING))
            return
        found = translate(simplejwt=simplejwt, knox=knox, authtoken=project.uses_authtoken)
        self.stdout.write(_comment(HEAD))
        for part in _parts(project, found, simplejwt=simplejwt):
            self.stdout.write(f"\n{part}")


def _is_set(name: str) -> bool:
    return getattr(settings, name, None) is not None


def _parts(project: Project, found: Translation, *, simplejwt: bool) -> Iterator[str]:
    yield _settings(project, found)
    stays = ["SIMPLE_JWT itself stays as long as the compatibility URLs do."] if simplejwt else []
    left = [f"{name}: {sentence}" for name, sentence in sorted(found.left.items(), key=_by_dict)]
    yield _section("2. Old settings that have no counterpart", [*stays, *left])
    yield _section("3. URLs to change", _routes(project, simplejwt=simplejwt))
    places = ["\n".join(place.lines()) for place in project.classes]
    yield _section("4. Authentication classes to replace", places)
    yield _section("5. INSTALLED_APPS", leaving.apps(simplejwt=simplejwt))
    yield _section("6. Tables that can go, and when", leaving.tables(project, found.longest))


def _settings(project: Project, found: Translation) -> str:
    given: Any = getattr(settings, "JWT_REFRESH", None)
    is_there = isinstance(given, dict) and bool(given)
    held = [name for name in found.entries if name in given] if is_there else None
    title = "1. The settings that correspond"
    if held is not None:
        title += ", for the JWT_REFRESH that is there"
    if held:
        title += f", which keeps its own {', '.join(held)}"
    lines = [_comment(title)]
    if held is None or len(held) < len(found.entries):
        code = found.code(held)
        lines += [f"from datetime import timedelta\n\n{code}" if "timedelta" in code else code]
    if not project.counts_proxies:
        lines.append(_item(PROXIES))
    return "\n".join(lines)


def _by_dict(left: tuple[str, str]) -> int:
    return [*PACKAGES].index(left[0].partition("[")[0])


def _routes(project: Project, *, simplejwt: bool) -> Iterator[str]:
    for place in project.routes:
        yield "\n".join(place.lines())
    if simplejwt:
        yield COMPAT_URLS
    yield OUR_URLS
    yield OWN_CODE


def _section(title: str, items: Iterable[str]) -> str:
    return "\n".join([_comment(title), *([_item(item) for item in items] or ["#   none"])])


def _item(text: str) -> str:
    first, *others = text.splitlines()
    return "\n".join([_comment(first, "#   "), *(_comment(line, "#   ") for line in others)])


def _comment(text: str, lead: str = "# ") -> str:
    return textwrap.fill(
        text,
        100,
        initial_indent=lead,
        subsequent_indent=f"{lead}  " if lead != "# " else lead,
        break_long_words=False,
        break_on_hyphens=False,
    )
