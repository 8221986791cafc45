"""A file of a TUF repository, as its keys sign it; the library `tuf` does what the standard asks.

See https://theupdateframework.github.io/specification/latest/, section 5.
"""

from pathlib import Path

from revet.core.errors import Error, describe


class TufError(Error):
    """A repository did not give the file; `is_forged` where it gave what its keys did not sign."""

    def __init__(self, message: str, *, is_forged: bool = False) -> None:
        super().__init__(message)
        self.is_forged = is_forged


def fetch_target(url: str, anchor: bytes, folder: Path, name: str) -> bytes:
    """Return a file of the repository at `url`; blocks, for some seconds.

    `anchor` is a root of the repository that is trusted. What was seen is kept in `folder`: while
    that is there nobody can give an older state for the newest one, else until it expires.

    Raises:
        TufError: no answer, a wrong signature, or metadata that has expired.

    """
    # 10 MB that only those pay who ask for it.
    from tuf.api.exceptions import DownloadError, RepositoryError  # noqa: PLC0415
    from tuf.ngclient.config import UpdaterConfig  # noqa: PLC0415
    from tuf.ngclient.updater import Updater  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    targets = folder / "targets"
    try:
        targets.mkdir(parents=True, exist_ok=True)
        updater = Updater(
            str(folder),
            url,
            str(targets),
            f"{url}/targets",
            config=UpdaterConfig(app_user_agent="revet"),
            bootstrap=anchor,
        )
        found = updater.get_targetinfo(name)
        if found is None:
            raise TufError(f"{url}: has no {name}")
        path = updater.find_cached_target(found) or updater.download_target(found)
        return Path(path).read_bytes()
    except RepositoryError as error:
        raise TufError(f"{url}: can't be trusted: {error}", is_forged=True) from error
    except (DownloadError, HTTPError, OSError, ValueError) as error:
        raise TufError(f"{url}: {describe(error)}") from error
