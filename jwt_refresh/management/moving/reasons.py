"""The settings of other packages that have no counterpart: why, and what to do instead."""

from __future__ import annotations

_STAYS = "It stays in SIMPLE_JWT, where it says how old tokens are read"
_SLIDING = (
    "Sliding tokens of simplejwt are not exchanged, so whoever holds one logs in again: leave out "
    "JWT_REFRESH['REFRESH_LIFETIME'] for our own sliding style, and use jwt_refresh.urls."
)
_ANSWER = (
    "A token answer has one shape (RFC 6749): what yours adds, a view of your own adds to what "
    "jwt_refresh.login.token_response returns."
)
_REFRESH = (
    "No serializer is asked: claims are those of CLAIMS at each refresh, and the signal "
    "session_refreshed tells of it."
)
_THEIRS = "Registration, profiles and passwords are no matter of ours: keep that view and this."
_FACTOR = (
    "The login endpoint asks for a password alone: keep that view, and end it with "
    "sessions.start(user, request, amr=['pwd', 'otp']), as docs/going-live.md has it."
)
_CSRF = (
    "It is always checked where a cookie decides (Sec-Fetch-Site, else Django's check): nothing is "
    "to be set."
)

SIMPLE_JWT = {
    "ROTATE_REFRESH_TOKENS": (
        "It stays in SIMPLE_JWT: on, the compatibility refresh answers with a new refresh token; "
        "off, front ends keep the one they have, and no theft of it is found."
    ),
    "BLACKLIST_AFTER_ROTATION": (
        "Where refresh tokens rotate, the old one is always superseded, and ends the session if it "
        "comes back: nothing is to be set."
    ),
    "UPDATE_LAST_LOGIN": "Each login moves last_login, as Django's own does: nothing is to be set.",
    "SIGNING_KEY": (
        f"{_STAYS}; ours are signed with a key that is derived from SECRET_KEY, so a service that "
        "verifies with this one changes to a key pair (docs/keys.md)."
    ),
    "VERIFYING_KEY": f"{_STAYS}; the public half of our own key is made of the private one.",
    "JSON_ENCODER": (
        "What CLAIMS returns is written by Django's encoder: let that function return text for "
        "anything else."
    ),
    "JWK_URL": (
        "It is not fetched: give the public key as SIMPLE_JWT['VERIFYING_KEY'] for old tokens, and "
        "a function that fetches keys as JWT_REFRESH['PUBLIC_KEYS'] for ours."
    ),
    "USER_AUTHENTICATION_RULE": (
        "Django's backends say who may be logged in: make user_can_authenticate of one in "
        "AUTHENTICATION_BACKENDS say what this rule says."
    ),
    "AUTH_TOKEN_CLASSES": (
        "The class of a view decides: SimpleJWTAuthentication takes access tokens of both, and no "
        "sliding or other token of simplejwt."
    ),
    "TOKEN_TYPE_CLAIM": (
        f"{_STAYS}; ours have their type in the header (typ at+jwt), so a service that looks for "
        "this claim needs it from a CLAIMS function of yours."
    ),
    "JTI_CLAIM": f"{_STAYS}; ours are called jti.",
    "TOKEN_USER_CLASS": (
        "StatelessJWTAuthentication gives a TokenUser: derive a class from it, and let its check() "
        "return a user of your own class."
    ),
    "SLIDING_TOKEN_REFRESH_EXP_CLAIM": _SLIDING,
    "SLIDING_TOKEN_LIFETIME": _SLIDING,
    "SLIDING_TOKEN_REFRESH_LIFETIME": _SLIDING,
    "TOKEN_OBTAIN_SERIALIZER": (
        "No serializer is asked, so the class may be gone: what it writes into tokens, a CLAIMS "
        "function of yours returns; what it adds to the answer, a view of yours adds that is "
        "derived from the compatibility TokenObtainPairView."
    ),
    "TOKEN_REFRESH_SERIALIZER": _REFRESH,
    "TOKEN_VERIFY_SERIALIZER": (
        "No serializer is asked: derive a view from the compatibility TokenVerifyView."
    ),
    "TOKEN_BLACKLIST_SERIALIZER": (
        "No serializer is asked: the signal session_revoked tells of each logout."
    ),
    "SLIDING_TOKEN_OBTAIN_SERIALIZER": _SLIDING,
    "SLIDING_TOKEN_REFRESH_SERIALIZER": _SLIDING,
    "CHECK_REVOKE_TOKEN": (
        f"{_STAYS}; a new password always ends the sessions of its user, and no token of ours "
        "holds a hash of it."
    ),
    "REVOKE_TOKEN_CLAIM": f"{_STAYS}; no token of ours holds a hash of a password.",
    "CHECK_USER_IS_ACTIVE": (
        "Django's backends say who may be logged in: with AllowAllUsersModelBackend in "
        "AUTHENTICATION_BACKENDS the inactive may, too."
    ),
}

REST_KNOX = {
    "SECURE_HASH_ALGORITHM": (
        "No token is stored, so none is hashed: JWT_REFRESH['ALGORITHM'] says how they are signed."
    ),
    "AUTH_TOKEN_CHARACTER_LENGTH": (
        "A JWT is as long as its claims make it, some 400 characters: see that clients have room."
    ),
    "USER_SERIALIZER": _ANSWER,
    "AUTO_REFRESH": (
        "No request makes a token live longer: the front end asks refresh/ before its end, as "
        "client.js does by itself."
    ),
    "MIN_REFRESH_INTERVAL": (
        "Nothing is written but by a refresh, and the front end decides when: nothing is to be set."
    ),
    "EXPIRY_DATETIME_FORMAT": (
        "A token answer tells expires_in, in seconds, which no clock of a client gets wrong: let "
        "front ends read that."
    ),
    "TOKEN_MODEL": (
        "No model of a token can be exchanged: sessions are rows of jwt_refresh.models.Session, "
        "and its signals tell of them."
    ),
    "TOKEN_PREFIX": (
        "A JWT has none: let a scanner for secrets look for eyJ, and three parts with dots between."
    ),
}

REST_AUTH = {
    "LOGIN_SERIALIZER": (
        "Login asks for the USERNAME_FIELD and password: other fields are for a login view of your "
        "own that calls jwt_refresh.login.log_in."
    ),
    "TOKEN_SERIALIZER": _ANSWER,
    "JWT_SERIALIZER": _ANSWER,
    "JWT_SERIALIZER_WITH_EXPIRATION": _ANSWER,
    "JWT_TOKEN_CLAIMS_SERIALIZER": (
        "No serializer is asked: what it writes into tokens, a CLAIMS function of yours returns."
    ),
    "USER_DETAILS_SERIALIZER": _THEIRS,
    "PASSWORD_RESET_SERIALIZER": _THEIRS,
    "PASSWORD_RESET_CONFIRM_SERIALIZER": _THEIRS,
    "PASSWORD_CHANGE_SERIALIZER": (
        "Keep that view and this: a new password ends all sessions of its user, unless the "
        "serializer calls sessions.keep_current and the view answers with its tokens."
    ),
    "REGISTER_SERIALIZER": _THEIRS,
    "REGISTER_PERMISSION_CLASSES": _THEIRS,
    "TOKEN_MODEL": (
        "Sessions are rows of jwt_refresh.models.Session: set it to None once no view of "
        "dj-rest-auth hands out tokens of the table."
    ),
    "TOKEN_CREATOR": (
        "sessions.start(user, request) makes the tokens of a login: call it in views of your own "
        "that log in."
    ),
    "PASSWORD_RESET_USE_SITES_DOMAIN": _THEIRS,
    "OLD_PASSWORD_FIELD_ENABLED": _THEIRS,
    "LOGOUT_ON_PASSWORD_CHANGE": (
        "A new password ends all sessions of its user: to let the current login go on, answer with "
        "the tokens of sessions.keep_current."
    ),
    "SESSION_LOGIN": (
        "Our login starts no session of Django: a front end that lives on that cookie needs "
        "ACCESS_COOKIE and REFRESH_COOKIE."
    ),
    "USE_JWT": (
        "Every token of ours is a JWT: turn it off once no view of dj-rest-auth hands out tokens."
    ),
    "JWT_AUTH_REFRESH_COOKIE_PATH": (
        "Both cookies have COOKIE_PATH, and no view but the endpoints reads the refresh cookie: "
        "nothing is to be set."
    ),
    "JWT_AUTH_SECURE": (
        "Our cookies are Secure, which browsers let pass on localhost: COOKIE_SECURE is False for "
        "plain HTTP elsewhere alone."
    ),
    "JWT_AUTH_HTTPONLY": (
        "Our cookies are always HttpOnly: a client that must read its tokens logs in with "
        '"transport": "body".'
    ),
    "JWT_AUTH_RETURN_EXPIRATION": (
        "Every token answer tells expires_in and refresh_expires_in, in seconds: let front ends "
        "read those."
    ),
    "JWT_AUTH_COOKIE_USE_CSRF": _CSRF,
    "JWT_AUTH_COOKIE_ENFORCE_CSRF_ON_UNAUTHENTICATED": _CSRF,
    "MFA_VERIFY_SERIALIZER": _FACTOR,
    "MFA_TOTP_ACTIVATE_INIT_SERIALIZER": _THEIRS,
    "MFA_TOTP_ACTIVATE_CONFIRM_SERIALIZER": _THEIRS,
    "MFA_TOTP_DEACTIVATE_SERIALIZER": _THEIRS,
    "MFA_STATUS_SERIALIZER": _THEIRS,
    "MFA_RECOVERY_CODES_SERIALIZER": _THEIRS,
    "MFA_EPHEMERAL_TOKEN_TIMEOUT": _FACTOR,
    "MFA_TOTP_DIGITS": _THEIRS,
    "MFA_TOTP_PERIOD": _THEIRS,
    "MFA_TOTP_ISSUER": _THEIRS,
    "MFA_RECOVERY_CODE_COUNT": _THEIRS,
}

REASONS = {"SIMPLE_JWT": SIMPLE_JWT, "REST_KNOX": REST_KNOX, "REST_AUTH": REST_AUTH}
PACKAGES = {"SIMPLE_JWT": "simplejwt", "REST_KNOX": "knox", "REST_AUTH": "dj-rest-auth"}
"""The dicts of settings, and whose they are."""
TRANSLATED = {
    "SIMPLE_JWT": {
        "ACCESS_TOKEN_LIFETIME",
        "REFRESH_TOKEN_LIFETIME",
        "ALGORITHM",
        "AUDIENCE",
        "ISSUER",
        "LEEWAY",
        "AUTH_HEADER_TYPES",
        "AUTH_HEADER_NAME",
        "USER_ID_FIELD",
        "USER_ID_CLAIM",
    },
    "REST_KNOX": {
        "TOKEN_TTL",
        "TOKEN_LIMIT_PER_USER",
        "AUTO_REFRESH_MAX_TTL",
        "AUTH_HEADER_PREFIX",
    },
    "REST_AUTH": {
        "JWT_AUTH_COOKIE",
        "JWT_AUTH_REFRESH_COOKIE",
        "JWT_AUTH_SAMESITE",
        "JWT_AUTH_COOKIE_DOMAIN",
    },
}
"""The settings that have a counterpart, which ``translating`` knows."""
