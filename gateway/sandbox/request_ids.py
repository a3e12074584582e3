"""Request ids seen by Hub Property, to notice those that are used for two things."""

from gateway.sandbox.deletions import Deletion

MAX_IDS = 200_000


class RequestIds:
    """The last 200,000 request ids, each with its case and whether it executed."""

    def __init__(self) -> None:
        self._uses: dict[str, tuple[tuple[str, ...], bool]] = {}

    def note(self, asked: Deletion, case: tuple[str, ...]) -> list[str]:
        """Remember the use; the violations it is, if any."""
        if asked.request_id is None:
            return []
        if len(self._uses) >= MAX_IDS:
            del self._uses[next(iter(self._uses))]
        first_case, first_execute = self._uses.setdefault(asked.request_id, (case, asked.execute))
        violations = []
        if first_case != case:
            violations.append("request_id_of_another_case")
        if first_execute != asked.execute:
            violations.append("request_id_of_a_dry_run")
        return violations

    def clear(self) -> None:
        """Forget all of them."""
        self._uses.clear()
