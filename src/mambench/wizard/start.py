"""The first screen, and then the conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mambench import __version__
from mambench.app.context import Mambench
from mambench.app.facts import machine_facts

if TYPE_CHECKING:
    from mambench.wizard.ask import Asker


def run(app: Mambench, *, plain: bool) -> None:
    """Show the first screen, ask, measure, show; until the person leaves. Raises Interrupted, KeyboardInterrupt."""
    app.terminal.heading(f"mambench {__version__}", "benchmarks in isolated environments, every result verified")
    app.terminal.blank()
    app.terminal.facts(machine_facts(app.machine))
    app.terminal.blank()
    app.terminal.paragraph(f"Nothing leaves this computer. Everything is kept in {app.home.root}")
    for each in app.catalogue.broken:
        app.terminal.say(each.message)
    from mambench.wizard.flow import Wizard

    Wizard(app, _asker(app, plain=plain)).run()


def _asker(app: Mambench, *, plain: bool) -> Asker:
    if plain:
        from mambench.wizard.plainly import Plain

        app.terminal.be_plain()
        return Plain()
    from mambench.wizard.ask import Prompts

    return Prompts(unicode=app.terminal.unicode)
