"""``manage.py models``: the weights of networks on this machine."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from faceweb.core.weights import session_config, weight_store
from faceweb.management.commands.seed import SAMPLES, sample_photo
from models.store import DownloadError, LicenceRefused, State, Unavailable

if TYPE_CHECKING:
    from models.store import Card, WeightStore
    from models.store.download import Progress

DESCRIPTIONS = {
    State.MISSING: "missing",
    State.PRESENT: "present, not verified",
    State.VERIFIED: "verified",
    State.DAMAGED: "DAMAGED",
}


class Command(BaseCommand):
    """List, fetch, verify and prepare weights."""

    help = "The weights of networks: what is here, how to get the rest."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        from models.store.variants import PRECISIONS

        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        actions.add_parser("list", help="every card, its state, size and licence")
        actions.add_parser(
            "fetch", help="fetch what the built-in engines need and is not here; asks nothing"
        )
        pull = actions.add_parser("pull", help="fetch weights whose licences are accepted")
        pull.add_argument("keys", nargs="*", metavar="KEY", help="cards (the recommended ones)")
        pull.add_argument(
            "--accept-licence",
            action="store_true",
            help="accept the licences that are shown, without being asked",
        )
        verify = actions.add_parser("verify", help="read every byte again; 1 if one is wrong")
        verify.add_argument("keys", nargs="*", metavar="KEY", help="cards (all that are here)")
        path = actions.add_parser("path", help="print where a verified file lies")
        path.add_argument("key", metavar="KEY")
        path.add_argument("name", nargs="?", metavar="FILE", help="where a card has several")
        quantize = actions.add_parser(
            "quantize", help="make a smaller copy of a swapper and say how it differs"
        )
        quantize.add_argument("key", metavar="KEY")
        quantize.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0])
        actions.add_parser(
            "prepare", help="make the copies that load fast on this machine, ahead of the first job"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        store = weight_store()
        if store.own_files_problem:
            self.stderr.write(self.style.WARNING(store.own_files_problem))
        action: Callable[[WeightStore, dict[str, Any]], None] = {
            "fetch": self._fetch,
            "list": self._list,
            "pull": self._pull,
            "verify": self._verify,
            "path": self._path,
            "prepare": self._prepare,
            "quantize": self._quantize,
        }[options["action"]]
        action(store, options)

    def _list(self, store: WeightStore, options: dict[str, Any]) -> None:
        rows = [("KEY", "STATE", "SIZE", "LICENCE", "WHAT")]
        for key, card in store.manifest.cards.items():
            status = store.status(key)
            state = DESCRIPTIONS[status.state]
            if status.state is State.MISSING and card.bring_your_own:
                state = "bring your own"
            licence = card.licence.id + (" (accepted)" if status.licence_accepted else "")
            mark = " *" if card.recommended else " +" if card.builtin else ""
            rows.append((key + mark, state, _megabytes(card.bytes), licence, card.title))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())
        self.stdout.write("\n* recommended: what `manage.py models pull` fetches without a KEY")
        self.stdout.write("+ built in: what the first start and `manage.py models fetch` fetch")

    def _fetch(self, store: WeightStore, options: dict[str, Any]) -> None:
        missing = store.builtin_missing()
        if not missing:
            return
        for card in missing:
            self.stdout.write(f"{card.key}: {card.title} ({card.vendor}). {card.licence.name}.")
            for phrase in card.licence.forbids:
                self.stdout.write(f"  It forbids: {phrase}.")
        self.stdout.write("FACEWEB_NETWORKS_OFF switches networks off. Fetching ...")
        self.stdout.flush()
        try:
            with _bar("networks") as progress:
                store.pull_builtin(missing, progress=progress)
        except DownloadError as error:
            raise CommandError(
                f"{error} What is missing only narrows what the site can do; "
                "`manage.py models fetch` tries again."
            ) from error
        self.stdout.write("The built-in networks are here.")

    def _pull(self, store: WeightStore, options: dict[str, Any]) -> None:
        cards = self._cards(store, options["keys"]) or [
            card for card in store.manifest.cards.values() if card.recommended
        ]
        refused = self._ask(store, cards, accept=options["accept_licence"])
        failed = False
        for card in cards:
            if card.licence.id in refused:
                continue
            try:
                with _bar(card.key) as progress:
                    status = store.pull(card.key, progress=progress)
            except (DownloadError, LicenceRefused) as error:
                self.stderr.write(self.style.ERROR(f"{card.key}: {error}"))
                failed = True
                continue
            for file in status.files:
                if file.state is not State.VERIFIED:
                    self.stderr.write(self.style.ERROR(f"{card.key}: {file.name} {file.reason}"))
                    failed = True
            self.stdout.write(f"{card.key}: {DESCRIPTIONS[status.state]}")
        if failed or refused:
            raise CommandError("Not everything is here. What is here can be used.")

    def _ask(self, store: WeightStore, cards: Sequence[Card], *, accept: bool) -> set[str]:
        """Show each licence that is not accepted yet; the ids of those that are refused."""
        licences = {card.licence.id: card.licence for card in cards}
        refused = set()
        for licence in licences.values():
            if store.is_accepted(licence):
                continue
            self.stdout.write(f"\n{licence.text}")
            if accept or self._answers_yes("Do you accept these terms? [y/N] "):
                store.accept(licence)
                continue
            keys = ", ".join(card.key for card in cards if card.licence == licence)
            self.stderr.write(f"Not accepted, so not fetched: {keys}")
            refused.add(licence.id)
        return refused

    def _answers_yes(self, question: str) -> bool:
        if not sys.stdin.isatty():
            self.stderr.write("Nobody is here to ask; --accept-licence accepts what is shown.")
            return False
        return input(question).strip().lower() in {"y", "yes"}

    def _verify(self, store: WeightStore, options: dict[str, Any]) -> None:
        cards = self._cards(store, options["keys"]) or [
            card
            for key, card in store.manifest.cards.items()
            if any(file.state is not State.MISSING for file in store.status(key).files)
        ]
        wrong = False
        for card in cards:
            for file in store.verify(card.key).files:
                reason = f": {file.reason}" if file.reason else ""
                self.stdout.write(f"{card.key}/{file.name}: {DESCRIPTIONS[file.state]}{reason}")
                missed = file.state is State.MISSING and bool(options["keys"])
                wrong = wrong or file.state is State.DAMAGED or missed
        if not cards:
            self.stdout.write("No weights are here.")
        if wrong:
            raise CommandError("`manage.py models pull KEY` fetches a damaged file anew.")

    def _path(self, store: WeightStore, options: dict[str, Any]) -> None:
        [card] = self._cards(store, [options["key"]])
        names = [file.name for file in card.files]
        name = options["name"] or (names[0] if len(names) == 1 else None)
        if name not in names:
            raise CommandError(f"{card.key} has these files: {', '.join(names)}")
        match store.resolve(card.key, name):
            case Unavailable() as why:
                raise CommandError(f"{why.reason} {why.remedy}")
            case weight:
                self.stdout.write(str(weight.path))

    def _prepare(self, store: WeightStore, options: dict[str, Any]) -> None:
        # Imported here: the other actions must work where onnxruntime does not.
        from models.sessions import SessionFactory, SessionFailed

        factory = SessionFactory(session_config())
        for card in store.manifest.cards.values():
            for file in card.files:
                weight = store.resolve_model(card.key, file.name)
                if isinstance(weight, Unavailable):
                    continue
                try:
                    factory.get(weight.path, weight.sha256)
                except SessionFailed as error:
                    raise CommandError(f"{card.key}/{file.name}: {error}") from error
                factory.release_idle()
                self.stdout.write(f"{card.key}/{file.name}: ready")

    def _quantize(self, store: WeightStore, options: dict[str, Any]) -> None:
        # Imported here: the other actions must work where onnxruntime does not.
        from models.pixels.imaging import decode_image
        from models.sessions import SessionFactory
        from swaps.engines.quantizing import quantize_card

        self._cards(store, [options["key"]])
        photos = [
            decode_image(sample_photo(package, inside).read_bytes()) for package, inside in SAMPLES
        ]
        factory = SessionFactory(session_config())
        try:
            report = quantize_card(store, factory, options["key"], options["precision"], photos)
        except ValueError as error:
            raise CommandError(f"{options['key']}: {error}") from error
        if isinstance(report, Unavailable):
            raise CommandError(f"{report.reason} {report.remedy}")
        self.stdout.write(
            f"{options['key']} as {report.precision}:"
            f" {_megabytes(report.copy_bytes)} instead of {_megabytes(report.original_bytes)},"
            f" {report.copy_ms:.0f} ms instead of {report.original_ms:.0f} ms\n"
            f"worst of {report.swaps} swaps: PSNR {report.psnr_db:.1f} dB,"
            f" largest difference {report.largest_difference} of 255,"
            f" ArcFace similarity to the original's result {report.similarity:.3f}\n"
            "It is used only with FACEWEB_SWAPPER_PRECISION set; look at results first."
        )

    def _cards(self, store: WeightStore, keys: Sequence[str]) -> list[Card]:
        unknown = [key for key in keys if key not in store.manifest.cards]
        if unknown:
            raise CommandError(
                f"There is no card called {', '.join(unknown)}; `manage.py models list` shows all."
            )
        return [store.manifest.card(key) for key in keys]


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    """A progress bar on a terminal, nothing elsewhere."""
    with tqdm(desc=label, unit="B", unit_scale=True, unit_divisor=1024, disable=None) as bar:

        def show(here: int, total: int | None) -> None:
            if total != bar.total or here < bar.n:
                bar.reset(total)
            bar.update(here - bar.n)

        yield show


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{max(size / 1e6, 0.1):.1f} MB"
