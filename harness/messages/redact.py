"""Writes URLs without their secrets, and removes secrets from the words of others.

Secrets are the password of a URL, and parameters with a name like one (``password``, ``token``,
``sslkey``). User names, hosts and file paths stay.

A URL that cannot be read may hold its password anywhere. If two readings are possible, the longer
one is hidden: from the first colon after the user to the last ``@``.
"""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Iterable, Iterator
from typing import Any, TextIO
from urllib.parse import parse_qsl, quote, quote_plus, unquote, unquote_plus

HIDDEN = "***"

FILES = ("sqlite", "journal")
"""Schemes whose URLs name a file: a colon or an ``@`` in one is part of the path."""

_SECRET_NAME = (
    r"[\w.%-]*(?:pass|pwd|secret|token|key|credential|signature|odbc_connect|auth)[\w.%-]*"
)
_PARAMETER = re.compile(rf"(?is)(?<=[?&;])({_SECRET_NAME}=)([^&]+)")
_KEYWORD = re.compile(
    r"(?i)\b((?:password|passwd|pwd|sslpassword)\s*=\s*)('[^']*'|\"[^\"]*\"|[^&;\s'\"#)]+)"
)
_SCHEME = re.compile(r"[A-Za-z][\w+.-]*:/{1,3}")
_IN_TEXT = re.compile(r"[A-Za-z][\w+.-]*:/{1,3}\S+")
_SERVER = re.compile(r"(?i)^(\w*sql\w*|maria\w*|oracle|redis\w*|cockroach\w*|https?)(\+\w+)?[:/]")
_KEPT = frozenset({"harness"})

_known: dict[str, re.Pattern[str]] = {}


def shown(where: str) -> str:
    """Return a URL, or the path of a file, without its secrets."""
    scheme, rest = _split(where)
    if scheme and not _names_file(scheme):
        rest = _PARAMETER.sub(rf"\g<1>{HIDDEN}", rest)
    before, hidden, after = _parts(scheme, rest)
    if len(hidden) >= 4:  # written twice
        after = after.replace(hidden, HIDDEN)
    return f"{scheme}{before}{HIDDEN if hidden else ''}{after}"


def holds_secret(text: str) -> bool:
    """Whether a text is a URL with a secret."""
    return _SCHEME.match(text) is not None and shown(text) != text


def learn(where: str) -> None:
    """Remember the secrets of a URL, so that :func:`clean` finds them outside a URL, too.

    Args:
        where: the URL, or a path, which has none.
    """
    scheme, rest = _split(where)
    if scheme and not _names_file(scheme):
        rest = _PARAMETER.sub(rf"\g<1>{HIDDEN}", rest)
    before, hidden, after = _parts(scheme, rest)
    public = {each.lower() for each in re.findall(r"\w+", f"{scheme} {before} {after}")} | _KEPT
    found = [hidden, *hidden.split("@")]  # a driver takes the first @ for the password's end
    if scheme and not _names_file(scheme):
        found += [each.group(2) for each in _PARAMETER.finditer(where)]
        names = re.compile(_SECRET_NAME, re.IGNORECASE)
        query = where.partition("?")[2]
        found += [value for name, value in parse_qsl(query) if names.fullmatch(name)]
    for secret in filter(None, found):
        for spelled in _spellings(secret):
            _known[spelled] = _pattern(spelled, public)


def clean(text: str) -> str:
    """Return a text without secrets: those of learned URLs, and those of URLs in it."""
    for secret in sorted(_known, key=len, reverse=True):
        text = _known[secret].sub(HIDDEN, text)
    return urls(text)


def urls(text: str) -> str:
    """Return a text with the secrets of the URLs in it hidden, and of no others."""
    text = _IN_TEXT.sub(lambda found: shown(found.group()), text)
    return _KEYWORD.sub(rf"\g<1>{HIDDEN}", text)


def scrub(error: BaseException) -> None:
    """Remove secrets from an error and from all errors in its chain."""
    for each in _chain(error):
        each.args = tuple(clean(value) if isinstance(value, str) else value for value in each.args)
        for name, value in list(_fields(each)):
            if isinstance(value, BaseException | bool | int | float | None):
                continue  # another link of the chain, or nothing that could hold one
            text = value if isinstance(value, str) else repr(value)
            if clean(text) != text:  # of a driver's connection, say
                setattr(each, name, clean(text))


def is_server_misspelt(where: str) -> bool:
    """Whether a text that is no URL was probably meant as one: it names a server, or a user."""
    if "://" in where:
        return False
    drive = re.match(r"^[A-Za-z]:[\\/]", where)
    user = re.match(r"^[^/:\s]+:[^/\s]*@", where)
    server = _SERVER.match(where) and (":" in where and ("@" in where or ":/" in where))
    return bool((user or server or re.match(r"^[A-Za-z][\w+.-]+:/", where)) and not drive)


class Clean:
    """A text stream that removes secrets from what is written to it."""

    def __init__(self, stream: TextIO) -> None:
        """Wrap a stream; all but writing is passed on to it."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text without its secrets."""
        self._stream.write(clean(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Filter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = clean(record.getMessage()), None
        if record.exc_info and record.exc_info[1]:
            scrub(record.exc_info[1])
        return True


def guard(logger: str) -> None:
    """Remove secrets from what a library logs."""
    for handler in logging.getLogger(logger).handlers:
        if not any(isinstance(each, _Filter) for each in handler.filters):
            handler.addFilter(_Filter())


def _split(where: str) -> tuple[str, str]:
    """Return the scheme with what follows it, and the rest."""
    found = _SCHEME.match(where)
    if found is not None:
        return found.group(), where[found.end() :]
    bare = re.match(r"^\w+(\+\w+)?:(?=[^/]*:[^/]*@)", where)  # postgresql:user:password@host
    return ("", where) if bare is None else (bare.group(), where[bare.end() :])


def _parts(scheme: str, rest: str) -> tuple[str, str, str]:
    """Divide what follows a scheme: before the password, the password, and after it."""
    if _names_file(scheme):
        return rest, "", ""
    if not scheme and not is_server_misspelt(rest):
        return rest, "", ""
    found = re.match(r"(?s)([^:?#]*:)(.*)(@.*)", rest)
    if found is not None:
        before, hidden, after = found.groups()
        port = re.match(r"@[^:/?#\[\]]*:(?!\d*(?!\w))", after)  # no port: this is password, too
        return (before, hidden + after, "") if port else (before, hidden, after)
    # Without an @: if it is no number, what follows the colon may be a password and no port.
    found = re.match(r"(?s)([^:/?#\[\]]+:)([^/?#]*)(.*)", rest)
    if found is not None and scheme and not re.match(r"\d*(?!\w)", found.group(2)):
        return found.group(1), found.group(2), found.group(3)
    return rest, "", ""


def _names_file(scheme: str) -> bool:
    name = scheme.partition(":")[0].partition("+")[0].lower()
    return name in FILES and scheme.endswith(":///")


def _spellings(secret: str) -> set[str]:
    """Return how a secret may be written: encoded, decoded, as Python, JSON or HTML."""
    plain = {secret, unquote(secret), unquote_plus(secret)}
    coded = {code(each) for each in plain for code in (_quote, quote, quote_plus, str.strip)}
    coded |= {re.sub("%[0-9A-F]{2}", lambda two: two.group().lower(), each) for each in coded}
    written = {
        write(each)
        for each in plain
        for write in (
            lambda text: repr(text)[1:-1],
            lambda text: json.dumps(text)[1:-1],
            html.escape,
            lambda text: text.replace("\\", "\\\\").replace("'", "\\'"),
        )
    }
    return {each for each in plain | coded | written if each}


def _quote(text: str) -> str:
    return quote(text, safe="")


def _pattern(secret: str, public: set[str]) -> re.Pattern[str]:
    """Return a pattern of where a secret is hidden.

    A long one is hidden everywhere. A shorter one is hidden as a word of its own, so that "test"
    leaves "latest" alone. One of a letter or two, and one that is also a public part of the URL
    (a password equal to the user's name, say), is hidden only where passwords are written.
    """
    text = re.escape(secret)
    if len(secret) < 4 or secret.lower() in public:
        return re.compile(
            rf"(?<=:){text}(?=@)|(?<==){text}(?=[&\s'\"]|$)|(?<=['\"]){text}(?=['\"])"
        )
    if len(secret) < 8:
        return re.compile(rf"(?<![A-Za-z0-9]){text}(?![A-Za-z0-9])")
    return re.compile(text)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    left: list[Any] = [error]
    while left:
        each = left.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            left += [each.__cause__, each.__context__, getattr(each, "orig", None)]
            left += getattr(each, "exceptions", ())


def _fields(error: BaseException) -> Iterator[tuple[str, Any]]:
    yield from vars(error).items()
    if isinstance(error, OSError):
        yield from ((name, getattr(error, name)) for name in ("strerror", "filename", "filename2"))
