"""Work of several processes that must run at once: what each of them holds, where they fit, and what is freed after them.

The task of such a step only coordinates and holds nothing that they wait for; Ray Train reserves a share of the step's
needs for each process, all or none of them (a placement group). So pieces of a swarm that are larger than what is free
wait for each other and never hold on to half of what they need.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from olmix.graph.resources import Needs


def share(needs: Needs, processes: int) -> dict[str, float]:
    """The part of `needs` that one of `processes` holds, as Ray names resources (CPU, GPU, memory in bytes, the accelerator).

    Ray has no fractions above 1: of 5 processors each of two processes holds 2.
    """
    cpus = needs.cpus / processes
    held = {"CPU": float(int(cpus)) if cpus > 1 else round(cpus, 4)}
    if needs.gpus:
        held["GPU"] = needs.gpus / processes
    if needs.memory_gib is not None:
        held["memory"] = float(int(needs.memory_gib * 2**30 / processes))
    if needs.accelerator is not None:
        held[f"accelerator_type:{needs.accelerator}"] = 0.001  # Ray's way to say: on a node of that kind.
    return {name: amount for name, amount in held.items() if amount} or {"CPU": 0.001}  # Ray reserves no nothing.


def room(held: Mapping[str, float], node: Mapping[str, float]) -> int:
    """How many processes, each with `held`, a node with these resources has room for."""
    return min(int(node.get(name, 0.0) / amount + 1e-9) for name, amount in held.items())


def placement(
    held: Mapping[str, float], processes: int, nodes: Sequence[Mapping[str, float]]
) -> Literal["STRICT_PACK", "PACK"] | None:
    """On one node (STRICT_PACK) if any has room for all of them, else over as few as can be (PACK); None: there is no room."""
    rooms = [room(held, node) for node in nodes]
    if max(rooms, default=0) >= processes:
        return "STRICT_PACK"
    return "PACK" if sum(rooms) >= processes else None


def at_once(held: Mapping[str, float], processes: int, nodes: Sequence[Mapping[str, float]]) -> int:
    """How many such gangs the nodes have room for side by side; at least 1, for the nodes of a cluster come and go."""
    rooms = [room(held, node) for node in nodes]
    if placement(held, processes, nodes) == "STRICT_PACK":
        return max(1, sum(there // processes for there in rooms))
    return max(1, sum(rooms) // processes)


def nodes() -> list[dict[str, float]]:
    """The resources of all nodes of the cluster that this process belongs to."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _reservations() -> Iterator[Any]:
    """The placement groups of this job but those removed, of the table behind Ray's public one, which names no maker."""
    import ray
    from ray._private.state import state
    from ray.core.generated import gcs_pb2

    job = bytes.fromhex(ray.get_runtime_context().get_job_id())
    table: Any = gcs_pb2  # Made by a generator of code, without types.
    for record in state._connect_and_get_accessor().get_placement_group_table():
        group = table.PlacementGroupTableData.FromString(record)
        if group.creator_job_id == job and group.state != table.PlacementGroupTableData.REMOVED:
            yield group


def waits(maker: bytes) -> bool:
    """Whether an actor, by its id, has asked for a reservation that there is no room for yet."""
    return any(group.creator_actor_id == maker and group.state != group.CREATED for group in _reservations())


def free_orphans() -> int:
    """Frees what dead coordinators of this job had reserved, and returns how many reservations that were.

    Ray keeps a placement group until its job ends, though the actor that made it is dead.
    """
    import ray
    from ray._private.state import state
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    freed = 0
    for group in _reservations():
        maker = state.actor_table(group.creator_actor_id.hex()) if group.creator_actor_id.strip(b"\xff") else {}
        if maker.get("State") == "DEAD":
            remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))
            freed += 1
    return freed
