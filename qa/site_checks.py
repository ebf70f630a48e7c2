"""What in a site file does not fit together: names that stand there twice or of what is not there, machines that nothing tells apart."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from qa import protocol
from qa.site_tables import Machine, SiteError
from qa.spelling import folded, nearest

if TYPE_CHECKING:
    from qa.site import Site


def fits(site: Site) -> None:
    """Nothing, when names are there once, no machine can be taken for another, and what is scheduled is there. ValueError else."""
    for kind, names in (
        ("machine", [one.name for one in site.machine]),
        ("phantom", [f"{one.name}, serial {one.serial}" for one in site.phantom]),
        ("person", [one.name for one in site.person]),
        ("preset", [one.name for one in site.preset]),
    ):
        read_as = [folded(name) for name in names]
        if twice := sorted({name for name in names if read_as.count(folded(name)) > 1}):
            raise ValueError(f"{kind} {', '.join(twice)} stands there twice")
    for one, other in itertools.combinations(site.machine, 2):
        if why := _alike(one, other):
            raise ValueError(why)
    known = [one.name for one in site.machine]
    of_machines = [(f"schedule of {task.protocol}", name) for task in site.schedule for name in task.machines]
    of_machines += [(f"preset {one.name}", name) for one in site.preset for name in one.machines or ()]
    for where, name in of_machines:
        if name not in known:
            raise ValueError(f"{where}: there is no machine {name!r}{nearest(name, known)}")
    for preset in site.preset:
        try:
            site.phantom_of(preset.phantom)
        except SiteError as error:
            raise ValueError(f"preset {preset.name}: {error}") from error
    asked = [("schedule", task.protocol) for task in site.schedule]
    asked += [(f"preset {one.name}", one.protocol) for one in site.preset]
    asked += [(f"return_to_use of {one.name}", name) for one in site.machine for name in one.return_to_use]
    for where, name in asked:
        if name not in protocol.names() and not name.endswith(".toml"):
            raise ValueError(f"{where}: there is no protocol {name!r}{nearest(name, protocol.names())}")


def _alike(one: Machine, other: Machine) -> str:
    """Why images or records of one machine could be taken for those of the other, "" when they cannot."""
    for this, that in ((one, other), (other, one)):
        if that.called(this.name):
            return f"machine {that.name}: its images may say {this.name}, the name of another machine: nothing tells their records apart"
    shared = sorted({name for this, that in ((one, other), (other, one)) for name in this.names if that.stated(name)})
    if not shared:
        return ""
    both = f"machines {one.name} and {other.name} are both called {shared[0]}"
    if lacking := [each.name for each in (one, other) if not each.serials]:
        return f"{both}: give {' and '.join(lacking)} serials, else an image of one is taken for the other's"
    same = sorted(one.all_serials & other.all_serials)
    return f"{both}, and both have the serial {same[0]}: nothing tells their images apart" if same else ""
