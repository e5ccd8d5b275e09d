"""The rules for cookies: what a browser would refuse, or send to fewer or more than it should.

They say nothing where no token travels in a cookie.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from http.cookies import CookieError, SimpleCookie

from django.conf import settings
from django.core.checks import CheckMessage, Info
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, reverse
from django.views.debug import SafeExceptionReporterFilter

from jwt_refresh.conf import conf

from .types import error, warning

MAX_NAME = 100
is_token = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII).fullmatch
"""A token of RFC 9110 section 5.6.2: the name of a cookie (RFC 6265 section 4.1.1), or a scheme."""
_is_path = re.compile(r"/[!-:<-~]{0,254}").fullmatch
is_domain = re.compile(r"(?=.{1,253}$)\.?[a-z0-9-]+(\.[a-z0-9-]+)*", re.IGNORECASE).fullmatch


def names() -> dict[str, str]:
    """Return the names of the cookies that are set up, by their settings."""
    both = {"ACCESS_COOKIE": conf.ACCESS_COOKIE, "REFRESH_COOKIE": conf.REFRESH_COOKIE}
    return {setting: name for setting, name in both.items() if name is not None}


def check_names() -> Iterator[CheckMessage]:
    taken = {
        settings.SESSION_COOKIE_NAME: "SESSION_COOKIE_NAME",
        settings.CSRF_COOKIE_NAME: "CSRF_COOKIE_NAME",
        settings.LANGUAGE_COOKIE_NAME: "LANGUAGE_COOKIE_NAME",
    }
    for setting, name in names().items():
        if not is_name(name):
            hint = f"It is one word of at most {MAX_NAME} characters, without brackets, quotes, "
            hint += 'commas or semicolons, such as "__Host-Http-access-token".'
            yield error("E031", setting, "is no name of a cookie.", hint)
        elif name in taken:
            hint = "One would overwrite the other: give it a name of its own."
            yield error("E031", setting, f"is the name of {taken[name]}, too.", hint)
        taken[name] = setting


def is_name(name: str) -> bool:
    """Tell whether browsers, Django and ``http.cookies`` take a cookie of that name."""
    try:
        # It keeps the names of attributes for itself.
        SimpleCookie()[name] = ""
    except CookieError:
        return False
    return len(name) <= MAX_NAME and is_token(name) is not None


def check_prefixes() -> Iterator[CheckMessage]:
    """Compare each prefix with the attributes without which browsers refuse such a cookie."""
    for setting, name in names().items():
        prefix = re.match("__(Secure|Host-Http|Host|Http)-", name, re.IGNORECASE)
        if prefix is None:
            continue
        mends = [] if conf.COOKIE_SECURE else ["'COOKIE_SECURE': True"]
        if prefix[1].lower().startswith("host"):
            mends += [] if conf.COOKIE_PATH == "/" else ["'COOKIE_PATH': '/'"]
            mends += [] if conf.COOKIE_DOMAIN is None else ["'COOKIE_DOMAIN': None"]
        if mends:
            hint = f"Browsers take no such cookie. Set {' and '.join(mends)}, or change the name."
            yield error("E032", setting, f"has the prefix {prefix[0]}.", hint)


def check_samesite() -> Iterator[CheckMessage]:
    if conf.uses_cookies and conf.COOKIE_SAMESITE == "None" and not conf.COOKIE_SECURE:
        hint = "Browsers take no such cookie without 'COOKIE_SECURE': True."
        yield error("E033", "COOKIE_SAMESITE", "is 'None'.", hint)


def check_path() -> Iterator[CheckMessage]:
    path = conf.COOKIE_PATH
    if not conf.uses_cookies:
        return
    if not _is_path(path):
        hint = 'It begins with "/", which alone stands for the whole site, and has no spaces.'
        yield error("E034", "COOKIE_PATH", "is no path.", hint)
    elif path != "/" and not _covers(path):
        hint = "A browser does not send the cookies to the endpoints, which are mounted elsewhere."
        yield warning("W032", "COOKIE_PATH", "leaves out the endpoints.", hint)


def _covers(path: str) -> bool:
    """Tell whether a browser sends a cookie of that path to the endpoints (RFC 6265, 5.1.4).

    Also where nobody can tell: they are not there, or take arguments.
    """
    try:
        mounted = reverse("jwt_refresh:refresh")
    except (AttributeError, ImproperlyConfigured, NoReverseMatch):
        return True
    return mounted.startswith(path.rstrip("/") + "/")


def check_domain() -> Iterator[CheckMessage]:
    if conf.uses_cookies and conf.COOKIE_DOMAIN is not None and not is_domain(conf.COOKIE_DOMAIN):
        hint = 'It is the name of a host, such as "example.com"; None: the host that answers.'
        yield error("E035", "COOKIE_DOMAIN", "is no domain.", hint)


def check_refresh_cookie() -> Iterator[CheckMessage]:
    slides = conf.REFRESH_LIFETIME is None and conf.LOGIN_LIFETIMES is None
    if conf.REFRESH_COOKIE is not None and slides:
        hint = "Set 'REFRESH_LIFETIME', or leave it out: the one token is in 'ACCESS_COOKIE'."
        yield warning("W033", "REFRESH_COOKIE", "does nothing in sliding style.", hint)


def check_access_cookie() -> Iterator[CheckMessage]:
    alone = conf.ACCESS_COOKIE is not None and conf.REFRESH_COOKIE is None
    if alone and conf.REFRESH_LIFETIME is not None:
        hint = "A refresh by the body is answered in the body, so that no refresh renews this "
        hint += "cookie: set 'REFRESH_COOKIE', too."
        yield warning("W034", "ACCESS_COOKIE", "stands alone in pair style.", hint)


def check_reports() -> Iterator[CheckMessage]:
    for setting, name in names().items():
        if not SafeExceptionReporterFilter.hidden_settings.search(name):
            hint = 'Django hides a cookie with "auth", "token" or "key" in its name from them.'
            yield warning("W035", setting, "would be shown in error reports.", hint)


RULES: tuple[Callable[[], Iterator[CheckMessage]], ...] = (
    check_names,
    check_prefixes,
    check_samesite,
    check_path,
    check_domain,
    check_refresh_cookie,
    check_access_cookie,
    check_reports,
)


def check_secure() -> Iterator[CheckMessage]:
    if conf.uses_cookies and not conf.COOKIE_SECURE and not settings.DEBUG:
        hint = "Whoever listens to one request without TLS has the token."
        yield warning("W036", "COOKIE_SECURE", "is off.", hint)


def check_siblings() -> Iterator[CheckMessage]:
    for setting, name in names().items():
        if not name.lower().startswith("__host-"):
            fault = f"JWT_REFRESH[{setting!r}] can be set by other hosts of the same domain."
            hint = "One of them could lock your users out, or log them in as somebody else, and "
            hint += "with 'COOKIE_DOMAIN' each of them gets the token. Begin it with "
            hint += "\"__Host-Http-\", and leave 'COOKIE_DOMAIN' out, unless you trust them all."
            yield Info(fault, hint=hint, id="jwt_refresh.I001")


DEPLOY_RULES: tuple[Callable[[], Iterator[CheckMessage]], ...] = (check_secure, check_siblings)
