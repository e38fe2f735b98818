"""One content that landed, from the ledger's entry to how it ended."""

import errno
import os
import shutil
from dataclasses import dataclass, field

import httpx

from flows.check import Checked, check
from flows.run import run_recipe
from tasks.core.errors import GateStop, RecipeError, UserError
from tasks.landing.claims import Claims
from tasks.landing.keeping import content
from tasks.landing.ledger import Entry, Ledger, Outcome
from tasks.landing.mapping import Landing, with_seeds
from tasks.landing.places import Place
from tasks.registry import moved
from tasks.stores.factory import work_store

# Errors of the machine, not of the content: they may pass, so that it is tried again.
_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EMFILE)
_ASK_AGAIN = (408, 429)


class LaterError(Exception):
    """This content could not be brought to its end now; the message says why."""


@dataclass(slots=True)
class Maker:
    """Makes releases of contents: for one run, which checks each route's recipe once."""

    landing: Landing
    ledger: Ledger
    claims: Claims
    unsound: dict[str, str] = field(default_factory=dict)

    def outcome(self, entry: Entry) -> Outcome:
        """Return how a content ends. LaterError: not now. httpx.HTTPError: the orchestrator is away."""
        if entry.tries > self.landing.tries:
            return Outcome("failed", reason=f"{entry.tries - 1} runs died over it; last: {entry.reason or 'killed'}")
        try:
            return self._made(entry)
        except GateStop as exc:
            return Outcome("rejected", reason=str(exc).partition("\n")[0])
        except UserError as exc:
            return self._refused(entry, exc)
        except httpx.HTTPError as exc:
            if not _is_refusal(exc):
                raise
            raise LaterError(_said(exc)) from exc
        except Exception as exc:  # the outermost line of one content: the others go on
            raise LaterError(_said(exc)) from exc

    def _made(self, entry: Entry) -> Outcome:
        place = Place(self.landing.out, entry.route, entry.id)
        if (rows := place.rows()) is not None:
            return Outcome("released", str(place.path), rows)
        checked = self._checked(entry)
        building = place.building(self.claims.owner)
        places = {"done": place.path, "stopped": place.stopped}
        try:
            made = run_recipe(checked, building, resume=True, overwrite=False, places=places)
        except GateStop as exc:
            raise GateStop(f"{str(exc).partition(chr(10))[0]}; what was made is in {place.stop(building)}") from exc
        except UserError:
            shutil.rmtree(building, ignore_errors=True)
            raise
        place.publish(building)
        moved(work_store(), made["entry"], place.path)
        return Outcome("released", str(place.path), made["rows"])

    def _checked(self, entry: Entry) -> Checked:
        route = self.landing.route(entry.route)
        recipe, base = self.landing.recipe(route)
        # Relative, as in any recipe: the release then names no folder of this machine.
        path = os.path.relpath(content(entry, self.landing, self.ledger), base)
        return check(with_seeds(recipe, route.seeds, path), base)

    def _refused(self, entry: Entry, exc: UserError) -> Outcome:
        """Say whether the machine, the recipe or the content is at fault: the recipe, where its own seeds fail too."""
        if isinstance(exc.__cause__, OSError) and exc.__cause__.errno in _MACHINE:
            raise LaterError(str(exc)) from exc
        if self._fault(entry.route):
            return Outcome("failed", reason=self._fault(entry.route))
        return Outcome("rejected" if isinstance(exc, RecipeError) else "failed", reason=str(exc))

    def _fault(self, name: str) -> str:
        if name not in self.unsound:
            try:
                recipe, base = self.landing.recipe(self.landing.route(name))
                check(recipe, base)
                self.unsound[name] = ""
            except UserError as exc:
                self.unsound[name] = f"recipe of route '{name}': {exc}"
        return self.unsound[name]


def _is_refusal(exc: httpx.HTTPError) -> bool:
    """Return whether a server that is up has refused this one request, which it would refuse again."""
    status = exc.response.status_code if isinstance(exc, httpx.HTTPStatusError) else 500
    return status < 500 and status not in _ASK_AGAIN


def _said(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"
