# What the clients did and saw, with times: the only thing that the checks believe.
import threading
from dataclasses import dataclass, field

NEVER = float("inf")


@dataclass
class GroupPlan:
    """A group as it is created. Delays in milliseconds, `retrySchedule.delaysMilliseconds`."""

    stream: str
    name: str
    timeout_ms: int
    max_retry_count: int
    delays_ms: tuple = ()
    lazy: bool = False
    created_at_share: float = 0.0  # of the run; 0: before anything is published
    by_settle: bool = False  # its consumers use `…/settle`, with the tokens of their leases

    @property
    def key(self):
        return (self.stream, self.name)

    def settings(self):
        out = {"messageTimeoutMilliseconds": self.timeout_ms, "startFrom": 0,
               "maxRetryCount": self.max_retry_count,
               "leaseDurability": "lazy" if self.lazy else "strict"}
        if self.delays_ms:
            out["retrySchedule"] = {"delaysMilliseconds": list(self.delays_ms)}
        return out

    def scheduled_delay_s(self, attempt):
        """What the schedule says after `attempt` (from 1) has failed."""
        if not self.delays_ms:
            return 0.0
        return self.delays_ms[min(attempt, len(self.delays_ms)) - 1] / 1000


@dataclass
class SentEvent:
    event_id: str
    stream: str
    publisher: int
    order: int  # of its publisher
    data: dict
    poison: bool
    first_sent: float
    batch: int  # events of one batch share it
    number: int = -1  # from the Location of the 2xx; -1: none came
    not_before: float = 0.0  # wall clock: when it was published for; 0: at once


@dataclass
class Delivery:
    group: tuple
    event_id: str
    number: int
    attempt: int  # from 1
    asked: float
    received: float
    lease: str = ""


@dataclass
class Settle:
    """One id of a settle request. `delay_s` of a retry: asked for, or None: the schedule's."""

    group: tuple
    event_id: str
    verb: str  # ack skip retry park
    attempt: int  # of the delivery that it answers
    asked: float  # when that delivery was asked for
    sent: float
    ended: float
    status: int
    delay_s: float | None = None
    lease: str = ""  # it was for this one only


@dataclass
class History:
    """Appended to by all client threads (appending to a list is atomic in CPython)."""

    sent: dict = field(default_factory=dict)  # event id -> SentEvent
    deliveries: list = field(default_factory=list)
    settles: list = field(default_factory=list)
    surprises: list = field(default_factory=list)  # answers that no broker may give
    requests: dict = field(default_factory=dict)  # (what, status) -> how many
    kills: int = 0
    disturbed: list = field(default_factory=list)  # (begin, end): lazy leases may be forgotten then
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what, status):
        with self.lock:
            self.requests[what, status] = self.requests.get((what, status), 0) + 1

    def surprise(self, text):
        with self.lock:
            self.surprises.append(text)


@dataclass
class FinalState:
    """What the drained broker says."""

    streams: dict = field(default_factory=dict)  # name -> entries, oldest first
    parked: dict = field(default_factory=dict)  # group key -> entries, oldest first
    infos: dict = field(default_factory=dict)  # group key -> info
