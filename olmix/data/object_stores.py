"""Listing and reading object stores (`s3://`, `gs://`, `az://`, custom endpoints) through obstore.

A leaf's files are found by listing the narrowest folder of each pattern, folders side by side; there is no request per
file. Requests are repeated with growing pauses when a server fails; what remains is one sentence that names leaf, pattern
and cause.

Credentials are looked for where obstore looks (environment variables, instance metadata), and for S3 in `~/.aws/credentials`
too. Single sign-on needs `aws configure export-credentials --format env` first.
"""

from __future__ import annotations

import concurrent.futures
import configparser
import dataclasses
import datetime
import functools
import os
import pathlib
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from olmix.data import globs
from olmix.data.listing import SHARDS, Found
from olmix.errors import UserError, nearest

SCHEMES = ("s3", "gs", "az")
#: Listings and reads under way at a time.
PARALLEL = 16
RETRIES = 6
#: A request that keeps failing is given up after so many seconds.
PATIENCE = 60

Pattern = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Folder:
    """One listing: everything below a folder of a bucket, or only what lies directly in it."""

    bucket: str
    key: str
    deep: bool


@dataclasses.dataclass(frozen=True)
class Matches:
    """The files that each (leaf, pattern) matched, and the addresses of all `leaf.json` that were seen beside them."""

    files: dict[Pattern, list[Found]]
    notes: frozenset[str]


def split(address: str) -> tuple[str, str]:
    """`s3://bucket/key` → `s3://bucket`, `key`.

    Raises:
      UserError: for an address of another kind of store, or without a bucket.
    """
    scheme, _, rest = address.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in SCHEMES:
        raise UserError(f"{address!r}: addresses begin with {', '.join(f'{known}://' for known in SCHEMES)}.")
    if not bucket or globs.is_glob(bucket):
        raise UserError(f"{address!r} must name a bucket, as in {scheme}://bucket/folder/*.npy.")
    return f"{scheme}://{bucket}", key


def find(patterns: Iterable[Pattern], endpoint: str | None, progress: Callable[[float, float, str], None]) -> Matches:
    """Lists what all patterns need, each folder once, and matches.

    Raises:
      UserError: for the first pattern that cannot be listed or matches nothing.
    """
    wanted = {pattern: _folders(pattern[1]) for pattern in patterns}
    first = {folder: pattern for pattern, parts in reversed(wanted.items()) for folder, _ in parts}
    entries: dict[Folder, list[Found]] = {}
    total = 0
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        running = {pool.submit(_list, folder, endpoint): folder for folder in first}
        try:
            for done in concurrent.futures.as_completed(running):
                folder = running[done]
                try:
                    entries[folder] = done.result()
                except Exception as error:
                    raise _failure(*first[folder], error) from error
                total += len(entries[folder])
                progress(len(entries), len(first), f"{total:,} objects listed")
        finally:
            pool.shutdown(cancel_futures=True)
    files: dict[Pattern, list[Found]] = {}
    notes: set[str] = set()
    for (leaf, pattern), parts in wanted.items():
        found: dict[str, Found] = {}
        for folder, matcher in parts:
            found.update((entry.path, entry) for entry in entries[folder] if matcher.fullmatch(entry.path))
            notes.update(entry.path for entry in entries[folder] if entry.path.endswith("/leaf.json"))
        if not found:
            raise UserError(f"Leaf {leaf!r}: {pattern!r} matches no object{_where(pattern, endpoint)}.")
        files[leaf, pattern] = list(found.values())
    return Matches(files, frozenset(notes))


def read(address: str, start: int, length: int, endpoint: str | None, etag: str | None = None) -> bytes:
    """Bytes of an object, fewer if it ends before. With `etag`, only if the object still is that one.

    Raises:
      UserError: when the object is gone, has changed, or cannot be read.
    """
    import obstore

    bucket, key = split(address)
    options: Any = {"range": (start, start + length)}
    if etag:
        options["if_match"] = etag
    try:
        return bytes(obstore.get(store(bucket, endpoint), key, options=options).bytes())
    except FileNotFoundError:
        raise UserError(f"{address} was there when the data was scanned and is gone; {RESCAN}.") from None
    except obstore.exceptions.PreconditionError:
        raise UserError(f"{address} has changed since the data was scanned; {RESCAN}.") from None
    except obstore.exceptions.BaseError as error:
        raise UserError(f"{address} cannot be read: {cause(error)}.") from error


RESCAN = "run the scan again (--set scan.cache_hours=0)"


@functools.lru_cache(maxsize=256)
def store(bucket: str, endpoint: str | None) -> Any:
    """The obstore of a bucket such as `s3://data`; `endpoint` is the address of a server that speaks the same protocol."""
    from obstore.store import from_url

    scheme = bucket.partition("://")[0]
    config: Any = {}
    if scheme == "s3":
        endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        config = _s3_credentials()
        config["region"] = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    if endpoint:
        config["base_url" if scheme == "gs" else "endpoint"] = endpoint
    opened: Any = from_url(
        bucket,
        config=config,
        client_options={
            "allow_http": (endpoint or "").startswith("http://"),
            "connect_timeout": datetime.timedelta(seconds=5),
            "timeout": datetime.timedelta(seconds=PATIENCE),
        },
        retry_config={"max_retries": RETRIES, "retry_timeout": datetime.timedelta(seconds=PATIENCE)},
    )
    return opened


def cause(error: BaseException) -> str:
    """What went wrong, in a few words, out of an error of obstore."""
    text = str(error).partition("\n\nDebug source")[0]
    code = re.search(r"<Code>([^<]+)</Code>", text)
    message = re.search(r"<Message>([^<]+)</Message>", text)
    status = re.search(r"status code: (\d+ [A-Za-z ]+)", text)
    if code is not None:
        said = f"{code.group(1)}: {message.group(1).rstrip('.')}" if message else code.group(1)
        return f"{said} ({status.group(1)})" if status else said
    if status is not None:
        return f"the server answered {status.group(1)}"
    return " ".join(text.split())[:300].rstrip(".")


def _folders(pattern: str) -> list[tuple[Folder, re.Pattern[str]]]:
    """The listings that a pattern needs, and what its matches look like in each."""
    parts = []
    for alternative in globs.expand_braces(pattern):
        bucket, key = split(alternative)
        if not globs.is_glob(key) and (key.endswith("/") or "." not in key.rpartition("/")[2]):
            key = f"{key.rstrip('/')}/{SHARDS}".lstrip("/")
        folder = Folder(bucket, globs.literal_folder(key), globs.depth_below(key) != 1)
        parts.append((folder, globs.matcher(f"{bucket}/{key}")))
    return parts


def _list(folder: Folder, endpoint: str | None) -> list[Found]:
    import obstore

    where, prefix = store(folder.bucket, endpoint), folder.key or None
    found: list[Found] = []

    def add(objects: Iterable[Mapping[str, Any]]) -> None:
        found.extend(
            Found(f"{folder.bucket}/{one['path']}", one["size"], (one["e_tag"] or "").strip()) for one in objects
        )

    if folder.deep:
        for chunk in obstore.list(where, prefix, chunk_size=1000):
            add(chunk)
    else:
        add(obstore.list_with_delimiter(where, prefix)["objects"])
    return found


def _failure(leaf: str, pattern: str, error: Exception) -> UserError:
    if isinstance(error, UserError):
        return UserError(f"Leaf {leaf!r}: {pattern!r} cannot be listed: {str(error).rstrip('.')}.")
    return UserError(f"Leaf {leaf!r}: {pattern!r} cannot be listed: {cause(error)}.")


def _where(pattern: str, endpoint: str | None) -> str:
    """`; the nearest folder that exists is ...`, walked down from the bucket."""
    import obstore

    bucket, key = split(globs.expand_braces(pattern)[0])
    folder = globs.literal_folder(key) if globs.is_glob(key) else key.rstrip("/")
    where, here = store(bucket, endpoint), ""
    for part in filter(None, folder.split("/")):
        listed = obstore.list_with_delimiter(where, here or None)
        inside = [prefix.rpartition("/")[2] for prefix in listed["common_prefixes"]]
        if part not in inside:
            return f"; the nearest folder that exists is '{bucket}/{here}', without {part!r}{nearest(part, inside)}"
        here = f"{here}/{part}".lstrip("/")
    listed = obstore.list_with_delimiter(where, here or None)
    names = [prefix.rpartition("/")[2] + "/" for prefix in listed["common_prefixes"]]
    names += [one["path"].rpartition("/")[2] for one in listed["objects"]]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"; the folder '{bucket}/{here}' exists and holds {shown or 'nothing'}"


def _s3_credentials() -> dict[str, str]:
    """Credentials out of `~/.aws/credentials`, unless the environment has its own; empty means that obstore finds them.

    Raises:
      UserError: when there are none anywhere, which obstore would find out only after its last retry.
    """
    environment = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SKIP_SIGNATURE")
    containers = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if any(os.environ.get(name) for name in (*environment, *containers)):
        return {}
    path = pathlib.Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser()
    profile = os.environ.get("AWS_PROFILE") or "default"
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(path)
    if parser.has_option(profile, "aws_access_key_id"):
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        return {name: parser.get(profile, name) for name in names if parser.has_option(profile, name)}
    if not _instance_metadata():
        raise UserError(
            f"there are no AWS credentials (looked in the environment, in profile {profile!r} of {path}, and for the "
            "metadata of an instance); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a "
            "public bucket"
        )
    return {}


def _instance_metadata() -> bool:
    """Whether this is a machine whose role gives credentials: something answers at the address for that."""
    try:
        with socket.create_connection(("169.254.169.254", 80), timeout=1):
            return True
    except OSError:
        return False
