"""The proof in a request that its client holds the key of a bound session (DPoP, RFC 9449).

A token is verified first, since it says, or its session does, if there must be a proof; then the
proof; and the database is asked last. A proof is good once, so it is verified once in a request,
whoever asks for it, and kept there.
"""

from __future__ import annotations

import hashlib
import math
import time
from functools import lru_cache
from typing import Any

from django.core.cache import DEFAULT_CACHE_ALIAS
from django.core.exceptions import SuspiciousOperation
from django.http import HttpHeaders, HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.encoding import escape_uri_path

from jwt_refresh.conf import conf
from jwt_refresh.core import binding
from jwt_refresh.core.binding import Proof
from jwt_refresh.core.claims import Claims
from jwt_refresh.exceptions import BindingViolated, NonceNeeded, ProofInvalid
from jwt_refresh.sealing import sealed
from jwt_refresh.stores.cache import add_once

SCHEME = "dpop"
"""The scheme of a bound token in the header, in small letters."""
NONCE_SECONDS = 150
"""How long a nonce is handed out; it is good for as long once more."""
CLOCKS = 60
"""How much longer than needed a proof is remembered, in seconds: clocks of servers differ."""

_HEADER = "HTTP_DPOP"
_KEPT = "_jwt_refresh_proof"


@sealed
def authenticating(encoded: str, request: HttpRequest | None) -> Claims:
    """Verify a token that authenticates, and that the request proves its key where it has one.

    Raises ``TokenInvalid``, ``TokenExpired``, ``BindingViolated`` and its kinds, and
    ``Unavailable`` where the cache of the proofs cannot be asked. So do the two that follow.
    """
    claims = conf.verifier(request).authenticating(encoded)
    _check(encoded, claims, request)
    return claims


@sealed
def current(encoded: str, request: HttpRequest | None) -> Claims:
    """Verify a token of any kind before its end, as ``authenticating`` does if it authenticates."""
    claims = conf.verifier(request).current(encoded)
    _check(encoded, claims, request)
    return claims


@sealed
def refreshable(encoded: str, request: HttpRequest | None) -> Claims:
    """Verify a token that can be refreshed, and the proof of the request, if there is one.

    Its session says which key that must be of, and if there must be any: so a bound token without
    a proof goes on to it, to be refused and told of.
    """
    claims = conf.verifier(request).refreshable(encoded)
    proved = _has_proof(request)
    if proved or not claims.jkt:
        _check_scheme(encoded, claims, request)
    if proved and conf.DPOP != "off":
        _check_token(_proof_of(request, fresh=True), encoded, needed=False)
    return claims


@sealed
def key_at_login(request: HttpRequest | None) -> str:
    """Return the thumbprint of the key that a login binds its session to; empty for none.

    Raises ``ProofInvalid`` for a proof that is none, and where one is required and none came.
    """
    if conf.DPOP == "off":
        return ""
    if _has_proof(request):
        return _proof_of(request, fresh=False).jkt
    if conf.DPOP == "required":
        raise ProofInvalid("no proof, where each login needs one")
    return ""


@sealed
def check_key(jkt: str, request: HttpRequest | None, *, fresh: bool) -> Proof:
    """Return the proof of a request, which must be of this key.

    ``fresh``: a nonce must show its age. Whoever could use a key for a moment, as a script in the
    page can, makes proofs for later, each with the ``iat`` of its time (RFC 9449 section 11.2).
    """
    if not _has_proof(request):
        raise ProofInvalid("no proof")
    proof = _proof_of(request, fresh=fresh)
    if proof.jkt != jkt:
        raise BindingViolated("a proof of another key")
    return proof


def header_words(request: HttpRequest) -> list[str]:
    """Return the words of ``AUTH_HEADER_NAME``: a scheme and a token, if all is well."""
    header: str = request.META.get(_meta_name(conf.AUTH_HEADER_NAME), "")
    return [word for word in header.split(" ") if word]


@lru_cache(maxsize=16)
def _meta_name(header: str) -> str:
    return HttpHeaders.to_wsgi_name(header)


def nonce() -> str:
    """Return the nonce that is handed out now, the same to everybody (RFC 9449 section 8)."""
    return _nonce(_slot(), conf.secret_keys[0])


def _check(encoded: str, claims: Claims, request: HttpRequest | None) -> None:
    _check_scheme(encoded, claims, request)
    if claims.jkt:
        _check_token(check_key(claims.jkt, request, fresh=False), encoded, needed=True)


def _check_scheme(encoded: str, claims: Claims, request: HttpRequest | None) -> None:
    """Raise ``BindingViolated`` for a token in the header with the scheme of the other sort.

    Else whoever strips the binding from a request would make a bearer token of it (RFC 9449
    section 7.2). A token that authenticates nothing is no matter of schemes.
    """
    if request is None or (conf.DPOP == "off" and not claims.jkt):
        return
    words = header_words(request)
    if words[-1:] != [encoded] or not claims.kind.authenticates:
        return
    as_dpop = words[0].lower() == SCHEME
    if as_dpop and not claims.jkt:
        raise BindingViolated("a token that is not bound, as DPoP")
    if claims.jkt and not as_dpop:
        raise BindingViolated("a bound token, not as DPoP")


def _check_token(proof: Proof, encoded: str, *, needed: bool) -> None:
    """Raise ``ProofInvalid`` for the proof of another token; if ``needed``, for one of no token."""
    if (needed or proof.ath is not None) and not proof.names(encoded):
        raise ProofInvalid("proof: ath")


def _has_proof(request: HttpRequest | None) -> bool:
    """Tell whether a request has the header, whatever is in it."""
    return request is not None and _HEADER in request.META


def _proof_of(request: Any, *, fresh: bool) -> Proof:
    """Return the proof in a request, which is used up by that."""
    kept: Proof | None = getattr(request, _KEPT, None)
    proof = kept or _read(request)
    if fresh and not proof.by_nonce:
        raise NonceNeeded("proof: no nonce, where one is asked for")
    if kept is None:
        _use_up(proof)
        setattr(request, _KEPT, proof)
    return proof


def _read(request: HttpRequest) -> Proof:
    try:
        # Without the query, and as the client knows it, if the settings of proxies are right.
        uri = f"{request.scheme}://{request.get_host()}{escape_uri_path(request.path)}"
    except SuspiciousOperation:
        raise ProofInvalid("proof: the host of the request") from None
    return binding.read(
        request.META[_HEADER],
        method=request.method or "",
        uri=uri,
        leeway=conf.LEEWAY.total_seconds(),
        end_of=_end_of,
    )


def _use_up(proof: Proof) -> None:
    """Raise ``ProofInvalid`` for a proof that was used before: in one step, by one cache call."""
    # By the key as well, so that nobody uses up what another client will send; and by no secret,
    # which may be replaced meanwhile: there is nothing to hide in it.
    digest = hashlib.sha256(f"{proof.jkt} {proof.jti}".encode()).hexdigest()
    key = f"jwt_refresh:proof:{digest}"
    seconds = math.ceil(proof.until - time.time()) + CLOCKS
    if not add_once(DEFAULT_CACHE_ALIAS, key, seconds):
        raise ProofInvalid("proof: used before")


def _slot() -> int:
    return int(time.time() // NONCE_SECONDS)


def _nonce(slot: int, secret: str | bytes) -> str:
    text = str(slot)
    return salted_hmac("jwt_refresh.nonce", text, secret=secret, algorithm="sha256").hexdigest()


def _end_of(given: str) -> float | None:
    """Return the instant at which a nonce of ours ends; ``None`` for any other text."""
    slot = _slot()
    # The next one, too: the clock of the server that has handed it out may be ahead of ours.
    for begun in (slot, slot - 1, slot + 1):
        if any(constant_time_compare(given, _nonce(begun, it)) for it in conf.secret_keys):
            return (begun + 2) * NONCE_SECONDS
    return None
