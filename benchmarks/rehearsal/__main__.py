"""A project on simplejwt moves to us and back, while its users go on.

``python -m benchmarks.rehearsal [--large] [users]``, where simplejwt is installed. A scripted
front end, written for simplejwt, serves each of a thousand users: in a browser with several tabs,
or on a phone whose answers get lost. One in ten is away while the project is with us. Four
deployments follow each other on one port: simplejwt, we beside it, we without it, and simplejwt.

Must hold: with us nobody sees a log-in page, and no session forks; back on simplejwt, whoever was
with us logs in once, and nobody else does.

The large project has a user model of its own, django-allauth, django-axes, django-cors-headers,
drf-spectacular, split settings, ``ATOMIC_REQUESTS`` and PostgreSQL. Its settings with us are those
that ``jwt_refresh_move_in`` prints, and the steps of the guide; what the packages are there for
must work with us, too.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import tempfile
from pathlib import Path

from .crowd import Crowd, FrontEnd
from .projects import LargeProject, Project

PATIENCE = 20 * 60
"""After how many seconds the rehearsal is given up."""


def rehearse(project: Project, count: int) -> None:
    names = [f"user{i}@example.com" for i in range(count)]
    users = [
        FrontEnd(project, name, ("browser", "phone")[i % 2], random.Random(i))
        for i, name in enumerate(names)
    ]
    with project.prepared(names):
        go_through(project, users)


def go_through(project: Project, users: list[FrontEnd]) -> None:
    away, here = users[::10], [user for i, user in enumerate(users) if i % 10]
    with project.deployed("simplejwt"):
        for user in users:
            user.login()
        project.look_around("simplejwt")
        crowd = Crowd(here)
        crowd.go_on()
    crowd.takes_turns = False
    for stage in ("moved", "uninstalled"):
        with project.deployed(stage):
            project.look_around(stage)
            crowd.go_on()
        seen = crowd.logins - len(here)
        print(f"{stage}: {len(here)} users go on, {seen} saw a log-in page, {crowd.forks} forks")
        assert (seen, crowd.forks) == (0, 0)
    crowd.takes_turns = True
    sessions, refreshes = project.sessions()
    print(f"{sessions} sessions of {len(here)} users, each refreshed {refreshes} times or more")
    assert (sessions, bool(refreshes)) == (len(here), True)
    with project.deployed("simplejwt"):
        crowd.go_on()
        crowd.stop()
        for user in away:
            user.look(takes_turns=True)
    back, others = crowd.logins - len(here), sum(user.logins - 1 for user in away)
    print(f"back: {back} of {len(here)} log in again, and {others} of {len(away)} who were away")
    assert (back, others) == (len(here), 0)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    parser = argparse.ArgumentParser(description="Rehearse the move from simplejwt and back.")
    parser.add_argument("--large", action="store_true", help="the large project")
    parser.add_argument("users", nargs="?", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        kind = LargeProject if options.large else Project
        rehearse(kind(Path(directory)), options.users)
