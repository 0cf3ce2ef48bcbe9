"""Counters for Prometheus: figures and model names, never text or keys."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 60.0, 90.0)


class Metrics:
    """One registry a server, so that two servers in a process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "omni_requests", "Requests by route and HTTP status.", ["route", "status"], registry=self.registry
        )
        self.decisions = Counter(
            "omni_decisions", "Decisions by preset and chosen model.", ["preset", "model"], registry=self.registry
        )
        self.failovers = Counter(
            "omni_failovers",
            "Tries that gave no answer, by provider and error.",
            ["provider", "error"],
            registry=self.registry,
        )
        self.interruptions = Counter(
            "omni_interruptions", "Streams that broke after their first piece.", ["provider"], registry=self.registry
        )
        self.first_token_s = Histogram(
            "omni_time_to_first_token_seconds",
            "From the request to the first piece of its answer, failed tries included.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.answers_active = Gauge("omni_answers_active", "Answers under way.", registry=self.registry)

    def to_text(self) -> bytes:
        """Everything in Prometheus' text form."""
        return generate_latest(self.registry)
