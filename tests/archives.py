"""Archives as servers of corpora hand them out."""

from __future__ import annotations

import io
import tarfile


def archive(files: dict[str, bytes], *special: tarfile.TarInfo) -> bytes:
    """A .tar.gz of some files, and of members that are no files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in special:
            tar.addfile(member)
    return buffer.getvalue()
