"""The steps of the data room: the scan, and the corpus of the quickstart."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
from typing import TYPE_CHECKING, Annotated, ClassVar

from olmix.config.tags import Schedule, Telemetry
from olmix.data.corpus_result import CorpusResult, Tokenising
from olmix.data.scan_result import ScanResult
from olmix.data.tree import Tree
from olmix.errors import UserError
from olmix.graph.step import Context, Step

if TYPE_CHECKING:
    from olmix.data.manifest import Manifest
    from olmix.data.parallel import Progress
    from olmix.data.scan import Counted
    from olmix.data.token_files import TokenFile

MANIFEST = "manifest.parquet"
#: A listing no older than so many seconds is what `observe` just saw, and need not be made again to run.
_JUST_NOW = 60
#: What a dry run showed so many seconds ago is what its reader thinks a run would use.
_LOOKED_AT = 3600


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scan(Step):
    """Counts the tokens of every leaf of `tree` by listing its files.

    Relative paths of the tree lead into the folder of `corpus`, a step that wrote token files; without one, all paths must be
    absolute, or addresses of object stores (`endpoint`: a server other than the provider's own). Then a changed file makes
    everything learned from it stale. `dtype` is that of the tokens. Of a leaf whose folder says nothing about held-out
    text, the last `held_out_tokens` (at most 5 %) are held out.

    The scan of a tree that is wholly in object stores is kept for `cache_hours`; 0 lists again. `if_unreadable` ends the
    sentence of the error when data cannot be read, to say what a user without access could do instead.
    """

    tree: Tree
    corpus: Step | None = None
    dtype: str = "uint16"
    held_out_tokens: int = 1 << 20
    endpoint: str | None = None
    cache_hours: Annotated[float, Schedule] = 1.0
    if_unreadable: Annotated[str, Telemetry] = ""

    cheap: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.corpus is None:
            return
        for leaf in self.tree.leaves():
            for path in leaf.paths:
                if path.startswith(("/", "~")) or "://" in path:
                    # Nobody would see such files change: a corpus answers for its own alone.
                    raise UserError(
                        f"Leaf {leaf.name!r}: {path!r} lies outside of the corpus; with a corpus step all paths lead into "
                        "its folder (relative ones), without one none does."
                    )

    def observe(self) -> str | None:
        """A digest of what was found: paths, sizes, etags. None when the corpus step answers for the files."""
        if self.corpus is not None:
            return None
        if not self._all_remote():
            return self._scan(None)[0].digest
        from olmix.data import scan_cache

        where = self._place()
        kept = scan_cache.load(where)
        if kept is None or kept.age > 3600 * self.cache_hours:
            kept = scan_cache.save(where, *self._scan(None))
        return kept.counted.digest

    def run(self, context: Context) -> ScanResult:
        """Lists, counts, and writes the manifest.

        Raises:
          UserError: when something cannot be listed or counted, or changed since the run was planned.
        """
        from olmix.data import manifest, scan, scan_cache

        if self.corpus is None and self._all_remote():
            counted = self._run_remote(context)
        else:
            root = None if self.corpus is None else context.folder(self.corpus)
            counted, files = self._scan(root, context.progress)
            manifest.write(context.out / MANIFEST, files)
        if self.corpus is None and not context.dry:
            before = scan_cache.shown(self._place(), _LOOKED_AT)
            if before is not None:
                _unchanged(before, counted, "the dry run")
        return scan.result(self.tree, counted, self.dtype, self.endpoint)

    def _run_remote(self, context: Context) -> Counted:
        from olmix.data import scan_cache

        where = self._place()
        planned = kept = scan_cache.load(where)
        if kept is None or kept.age > _JUST_NOW:
            kept = scan_cache.save(where, *self._scan(None, context.progress))
        shutil.copyfile(kept.manifest, context.out / MANIFEST)
        if planned is not None:
            _unchanged(planned.counted, kept.counted, "this run was planned")
        return kept.counted

    def _place(self) -> pathlib.Path:
        from olmix.data import scan_cache

        return scan_cache.place(self.tree, self.dtype, self.held_out_tokens, self.endpoint)

    def _all_remote(self) -> bool:
        return all("://" in path for leaf in self.tree.leaves() for path in leaf.paths)

    def _scan(
        self, root: pathlib.Path | None, progress: Progress | None = None
    ) -> tuple[Counted, dict[str, list[TokenFile]]]:
        from olmix.data import scan
        from olmix.data.parallel import silent

        if self.held_out_tokens < 0:
            raise UserError(f"held_out_tokens must be 0 or more; it is {self.held_out_tokens}.")
        try:
            found = scan.look(self.tree, self.dtype, root, self.endpoint, progress or silent)
        except UserError as error:
            advice = f"; {self.if_unreadable}" if self.if_unreadable else "."
            raise UserError(f"{str(error).rstrip('.')}{advice}") from error
        return scan.count(found, self.dtype, self.held_out_tokens)

    def forecast(self, context: Context) -> tuple[str, ...]:
        """Tokens and share of each leaf, for the dry run."""
        found: ScanResult = context.read(self)
        if self.corpus is None:
            from olmix.data import scan, scan_cache

            scan_cache.show(self._place(), scan.counted(found))
        left_out = [leaf.name for leaf in self.tree.leaves(with_zero=True) if leaf.name not in found.tokens]
        width = max(map(len, (*found.tokens, *left_out)))
        lines = tuple(
            f"{leaf:<{width}}  {count:>18,} tokens  prior {found.prior[leaf]:7.3%}  mixture {found.mixture[leaf]:7.3%}  "
            f"may be read {found.repetition_limits[leaf]:g} times"
            for leaf, count in found.tokens.items()
        )
        return (*lines, *(f"{leaf:<{width}}  left out: weight 0" for leaf in left_out))


def _unchanged(then: Counted, now: Counted, since: str) -> None:
    """Raises UserError if the data are not what they were, naming the leaves that differ."""
    if then.digest == now.digest:
        return
    leaves = [leaf for leaf in {**then.tokens, **now.tokens} if then.tokens.get(leaf) != now.tokens.get(leaf)]
    named = f" ({', '.join(leaves[:3])}{f' and {len(leaves) - 3} more' if len(leaves) > 3 else ''})" if leaves else ""
    raise UserError(
        f"The data changed since {since}{named}: {then.files:,} files with {sum(then.tokens.values()):,} training tokens "
        f"then, {now.files:,} with {sum(now.tokens.values()):,} now; run the same command again to use what is there now."
    )


#: The fine topics of the standard library, folded into two for a corpus that a laptop can make a swarm of.
_TWO_TOPICS = {
    "python_code:networking": "python_code:systems",
    "python_code:system": "python_code:systems",
    "python_code:text": "python_code:systems",
    "python_code:language": "python_code:language",
    "python_code:tools": "python_code:language",
    "python_code:data": "python_code:language",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class LocalCorpus(Step):
    """Tokenises the text that this Python environment holds (`olmix.data.local_text`): no download, under a minute.

    `sources` gives the megabytes of text taken from each source at most. Token files are at `<leaf with / for :>/*.npy` in the
    artifact, so the tree of a scan on it has relative paths: `python_code/systems/high/*.npy`.
    """

    sources: dict[str, float] = dataclasses.field(
        default_factory=lambda: {
            "python_code": 9.0,
            "python_tests": 6.0,
            "science_docs": 6.0,
            "language_reference": 2.0,
            "licences": 3.0,
            "speeches": 6.0,
        }
    )
    tokenising: Tokenising = dataclasses.field(
        default_factory=lambda: Tokenising(
            quality_sources=("python_code",), quality_buckets=2, rename=dict(_TWO_TOPICS)
        )
    )

    def observe(self) -> str:
        """The versions of Python and of the packages that the text is read from."""
        from olmix.data import local_text

        return local_text.fingerprint()

    def run(self, context: Context) -> CorpusResult:
        """Reads, tokenises, and writes the corpus."""
        from olmix.data import local_text, tokenise
        from olmix.data.readers import MemoryShard

        shards = [
            MemoryShard(local_text.documents(source, int(megabytes * 1e6)))
            for source, megabytes in self.sources.items()
        ]
        return tokenise.tokenise(shards, context.out, self.tokenising, progress=context.progress)


def open_manifest(context: Context, scan: Scan) -> Manifest:
    """The files of a finished scan, for a step that reads tokens: `Batches(open_manifest(context, self.scan), order)`."""
    from olmix.data.manifest import Manifest

    root: pathlib.Path | None = None if scan.corpus is None else context.folder(scan.corpus)
    return Manifest.read(context.folder(scan), context.read(scan), root)
