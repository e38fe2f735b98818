"""What a stage reads: sources of seeds and the records of earlier stages, as one row of seeds."""

from collections.abc import Sequence

from tasks.core.manifest import StageManifest, added, digest
from tasks.core.store import Store
from tasks.readers.shards import SeedManifest


def of_stage(manifest: StageManifest, store: Store) -> SeedManifest:
    """Return the accepted records of a stage as seeds."""
    return SeedManifest(
        name=manifest.stage,
        digest=manifest.digest,
        folder="",
        rows_per_shard=0,
        seen=manifest.accepted,
        accepted=manifest.accepted,
        shards=tuple((str(store.local(file.key)), file.rows) for file in manifest.files),
    )


def joined(parts: Sequence[SeedManifest]) -> SeedManifest:
    """Return several seeds one after the other, in the order given."""
    if len(parts) == 1:
        return parts[0]
    shards = ((str(path), rows) for part in parts for path, (_, rows) in zip(part.paths, part.shards, strict=True))
    return SeedManifest(
        name="+".join(part.name for part in parts),
        digest=digest([part.digest for part in parts]),
        folder="",
        rows_per_shard=0,
        seen=sum(part.seen for part in parts),
        accepted=sum(part.accepted for part in parts),
        shards=tuple(shards),
        rejected=added(part.rejected for part in parts),
        columns=tuple(sorted({name for part in parts for name in part.columns})),
    )
