"""The places of a project where other packages are: its routes, classes, apps and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.urls import URLPattern, get_resolver
from django.utils.module_loading import import_string

SIMPLEJWT = "rest_framework_simplejwt"
PACKAGES = (SIMPLEJWT, "knox", "dj_rest_auth", "rest_framework.authtoken")
DRF_TOKENS = "rest_framework.authentication.TokenAuthentication"
COMPAT = "jwt_refresh.contrib.simplejwt"
OURS = "jwt_refresh.urls"
KEEP = "keep it: that is no matter of ours"

VIEWS = {
    **{
        f"{SIMPLEJWT}.views.{name}": f"{COMPAT}.views.{name}"
        for name in (
            "TokenObtainPairView",
            "TokenRefreshView",
            "TokenVerifyView",
            "TokenBlacklistView",
        )
    },
    f"{SIMPLEJWT}.views.TokenObtainSlidingView": f"login/ of {OURS}, in sliding style",
    f"{SIMPLEJWT}.views.TokenRefreshSlidingView": f"refresh/ of {OURS}, in sliding style",
    "knox.views.LoginView": f"login/ of {OURS}, which asks for name and password in the body",
    "knox.views.LogoutView": f"logout/ of {OURS}",
    "knox.views.LogoutAllView": f"logout/all/ of {OURS}",
    "dj_rest_auth.views.LoginView": f"login/ of {OURS}, or {COMPAT}.views.TokenObtainPairView",
    "dj_rest_auth.views.LogoutView": f"logout/ of {OURS}",
    "dj_rest_auth.jwt_auth.RefreshViewWithCookieSupport": (
        f"{COMPAT}.views.TokenRefreshView for tokens in the body; refresh/ of {OURS} for cookies"
    ),
    "dj_rest_auth.views.PasswordChangeView": (
        "keep it; a new password ends all sessions, unless sessions.keep_current is called"
    ),
    "dj_rest_auth.registration.views.RegisterView": (
        "keep it, with tokens of jwt_refresh.login.token_response, or let people log in afterwards"
    ),
    "rest_framework.authtoken.views.ObtainAuthToken": f"login/ of {OURS}",
}
"""The views that have a successor; what is not here is kept."""
CLASSES = {
    f"{SIMPLEJWT}.authentication.JWTAuthentication": (
        f"{COMPAT}.authentication.SimpleJWTAuthentication in its place"
    ),
    f"{SIMPLEJWT}.authentication.JWTStatelessUserAuthentication": (
        f"{COMPAT}.authentication.SimpleJWTAuthentication in its place, which asks the database; "
        "jwt_refresh.authentication.StatelessJWTAuthentication takes no old token"
    ),
    "dj_rest_auth.jwt_auth.JWTCookieAuthentication": (
        f"{COMPAT}.authentication.SimpleJWTAuthentication in its place"
    ),
    "knox.auth.TokenAuthentication": (
        "jwt_refresh.authentication.CoexistingJWTAuthentication before it; out with it later"
    ),
    DRF_TOKENS: (
        "jwt_refresh.authentication.CoexistingJWTAuthentication before it; out with it later"
    ),
}
"""The authentication classes that are replaced, or get one before them."""


@dataclass(frozen=True)
class Place:
    """A place, the name of what is there, its class of another package, and what that becomes."""

    where: str
    name: str
    origin: str
    becomes: str

    def lines(self) -> list[str]:
        if self.name == self.origin:
            return [f"{self.where}: {self.name}", f"  -> {self.becomes}"]
        derived = f"{self.where}: {self.name}, derived from {self.origin}"
        return [derived, f"  -> {self.becomes}; what yours adds is yours to carry over"]


@dataclass
class Project:
    """The parts of a project that are of other packages; ``faults`` could not be looked through."""

    routes: list[Place] = field(default_factory=list)
    classes: list[Place] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    counts_proxies: bool = False

    def uses(self, package: str) -> bool:
        """Tell whether it is in the apps, the classes or the routes."""
        origins = [place.origin for place in [*self.routes, *self.classes]]
        return any(is_in(name, package) for name in [*origins, *settings.INSTALLED_APPS])

    @property
    def uses_authtoken(self) -> bool:
        listed = any(place.origin == DRF_TOKENS for place in self.classes)
        return listed or self.uses("rest_framework.authtoken")


def look() -> Project:
    """Look through ``REST_FRAMEWORK`` and the URLconf, whatever state they are in."""
    project = Project()
    _look_at_defaults(project)
    try:
        for path, callback in _routes("/", get_resolver()):
            _look_at_view(project, path, callback)
    except Exception as error:  # noqa: BLE001 - whatever a project's modules raise
        kind = type(error).__name__
        project.faults.append(f"The URLconf cannot be looked through ({kind}): mend it first.")
    return project


def _look_at_defaults(project: Project) -> None:
    given: Any = getattr(settings, "REST_FRAMEWORK", None) or {}
    key = "DEFAULT_AUTHENTICATION_CLASSES"
    listed: Any = given.get(key, []) if isinstance(given, Mapping) else None
    project.counts_proxies = isinstance(given, Mapping) and given.get("NUM_PROXIES") is not None
    if isinstance(listed, list | tuple):
        _look_at_classes(project, f'REST_FRAMEWORK["{key}"]', listed)
    else:
        project.faults.append(f"REST_FRAMEWORK is no dict, or its {key} no list: mend it first.")


def _look_at_classes(project: Project, where: str, listed: Sequence[Any]) -> None:
    for entry in listed:
        if names := _names_of(entry):
            name, origin = names
            becomes = CLASSES.get(origin, "keep it")
            project.classes.append(Place(where, name, origin, becomes))


def _routes(prefix: str, resolver: Any) -> Iterator[tuple[str, Any]]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLPattern):
            yield path, pattern.callback
        else:
            yield from _routes(path, pattern)


def _look_at_view(project: Project, path: str, callback: Any) -> None:
    # Where a default class is not there, it cannot be loaded.
    from rest_framework.views import APIView

    view: Any = getattr(callback, "cls", None) or getattr(callback, "view_class", None)
    if names := _names_of(view):
        name, origin = names
        project.routes.append(Place(path, name, origin, VIEWS.get(origin, KEEP)))
        return
    own = getattr(view, "authentication_classes", None)
    # Its own list, and not the default one, which is in the settings.
    if isinstance(own, list | tuple) and own is not APIView.authentication_classes:
        _look_at_classes(project, f"{path} {_name(view)}", own)


def _names_of(entry: Any) -> tuple[str, str] | None:
    """Return the names of a class, and of the one of another package that it is derived from."""
    if isinstance(entry, str):
        try:
            entry = import_string(entry)
        except Exception:  # noqa: BLE001 - whatever a project's modules raise; or it is not there
            return (entry, entry) if entry in CLASSES else None
    if not isinstance(entry, type):
        return None
    for base in entry.__mro__:
        origin = _name(base)
        if origin == DRF_TOKENS or any(is_in(base.__module__, package) for package in PACKAGES):
            return _name(entry), origin
    return None


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__name__}"


def is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
