"""What settings are measured by: the truth, and who is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from alertlab.incidents import Margins, bounds_ms, epoch_ms, is_harmless, match_times, no_incidents
from alertlab.notify import (
    AlertmanagerConfig,
    Sending,
    Silence,
    find_pages,
    simulate_notifications,
    single_receiver,
)
from alertlab.tuning.setting import Span


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What settings are measured by.

    incidents, margins : the labelled truth (``load_incidents``) and how far around it pages count
    config : Alertmanager's; without one every group goes to one receiver
    sending, silences : as of ``simulate_notifications``
    time_zone : where people sleep
    paging_receivers : who is woken; None: as the receivers' kinds tell
    """

    incidents: pd.DataFrame = field(default_factory=no_incidents)
    margins: Margins = field(default_factory=Margins)
    config: AlertmanagerConfig = field(default_factory=single_receiver)
    sending: Sending = field(default_factory=Sending)
    silences: Sequence[Silence] = ()
    time_zone: str = "UTC"
    paging_receivers: tuple[str, ...] | None = None

    @property
    def is_labelled(self) -> bool:
        """Whether any incident is labelled; otherwise no page can be called false."""
        return not is_harmless(self.incidents).all()

    @property
    def waking(self) -> list[str]:
        """The receivers whose notifications wake someone."""
        if self.paging_receivers is not None:
            return list(self.paging_receivers)
        return self.config.paging_receivers()

    def notifications(self, episodes: pd.DataFrame, span: Span) -> pd.DataFrame:
        """Return what Alertmanager would have sent about episodes within a span."""
        sent = simulate_notifications(
            episodes, self.config,
            end_ms=span.end_ms, sending=self.sending, silences=self.silences,
        )  # fmt: skip
        at = epoch_ms(sent["at"])
        return sent[(at >= span.start_ms) & (at < span.end_ms)].reset_index(drop=True)

    def pages(self, episodes: pd.DataFrame, span: Span) -> pd.DataFrame:
        """Return the pages of one rule's episodes within a span, on the receivers it routes to.

        Where it routes to no paging receiver, every receiver that it reaches counts.
        """
        sent = self.notifications(episodes, span)
        reached = set(sent["receiver"])
        return find_pages(sent, reached & set(self.waking) or reached).reset_index(drop=True)

    def incident_of(self, times_ms: np.ndarray) -> np.ndarray:
        """Tell which incident each time [ms] belongs to: its row, -1 for none."""
        return match_times(times_ms, self.incidents, self.margins)

    def windows_ms(self, incidents: pd.DataFrame) -> np.ndarray:
        """Return [start, end) of incidents with their margins [ms], shape (n_incidents, 2)."""
        return bounds_ms(incidents, self.margins, among=self.incidents)
