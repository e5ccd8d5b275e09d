"""The dict ``JWT_REFRESH`` that corresponds to the settings of the packages in use."""

from __future__ import annotations

from .others import translate_knox, translate_rest_auth
from .reading import Old, Translation
from .reasons import PACKAGES
from .simplejwt import translate_simplejwt


def translate(*, simplejwt: bool, knox: bool, authtoken: bool) -> Translation:
    """Translate the settings of the packages that are in use, or set."""
    found = Translation()
    olds = [Old(name, found.left) for name in PACKAGES]
    simple_jwt, rest_knox, rest_auth = olds
    if simplejwt:
        translate_simplejwt(simple_jwt, found)
    if knox:
        translate_knox(rest_knox, found)
    if authtoken:
        found.add_scheme("Bearer", None)
        found.add_scheme("Token", "The scheme of REST framework's TokenAuthentication")
    translate_rest_auth(rest_auth, found)
    found.put_schemes()
    for old in olds:
        old.rest()
    return found
