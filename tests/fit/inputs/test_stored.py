"""Our own earlier runs as an input."""

from __future__ import annotations

import msgspec
import pytest

from olmix.errors import UserError
from olmix.fit.inputs import runs_from_store
from olmix.fit.inputs.steps import StoredRuns
from tests.fake_context import FakeContext
from tests.fit.inputs.test_supply import TABLE


def test_the_table_of_a_run_or_of_an_artifact(tmp_path):
    artifact = tmp_path / "artifacts" / "swarm-123"
    artifact.mkdir(parents=True)
    (artifact / "result.json").write_bytes(msgspec.json.encode(TABLE))
    run = tmp_path / "experiments" / "search" / "latest"
    (run / "artifacts").mkdir(parents=True)
    (run / "artifacts" / "swarm").symlink_to(artifact)
    assert runs_from_store(artifact) == runs_from_store(run) == TABLE
    step = StoredRuns(folder=str(run))
    before = step.observe()
    assert step.run(FakeContext(tmp_path)) == TABLE
    (artifact / "result.json").write_bytes(msgspec.json.encode({**msgspec.to_builtins(TABLE), "metrics": ["n"]}))
    assert step.observe() != before


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match="has no finished runs: give the folder of a run"):
        runs_from_store(tmp_path)
    (tmp_path / "result.json").write_text('{"verdict": "better"}')
    with pytest.raises(UserError, match="is not a table of runs"):
        runs_from_store(tmp_path)
