"""``GET /``: what is here, in plain text."""

from gateway.sandbox.magic import WORDS, Word

_HEAD = """\
The sandbox of the case gateway: Scalepoint Hub Property, ClaimShop and token endpoint, and Oracle ECM.
Nothing here is real; every case lives in memory.

Upstreams
  DELETE /ecx/<tenant>/api/integration/v1/case                        Hub Property
  DELETE /webapp/ScalePoint/<country>/v1/case/<tenant>/delete         ClaimShop
  POST   /connect/token                                               token endpoint
  POST   /ECM/rest-api/ECMService/CaseManagementService/<service>     ECM: removeExternalEntity, removeTransaction,
                                                                      removeCustomer, removeAccount
For people and tests
  GET    /history?since=&system=&case=&limit=    what was received and done; DELETE clears it
  GET    /history/summary                        counts, and violations
  GET    /switches                               hours, latency, limits, faults; PUT changes what it names
  POST   /cases                                  say how certain cases stand
  POST   /certificates                           register one more client certificate (PEM); GET lists, DELETE removes
  POST   /tokens/revoke                          revoke every token
  POST   /reset                                  cases, history, limits and switches as at the start
  GET    /healthz

Magic identifiers: PREFIX[-<number>][-BEFORE|-AFTER][-ONCE|-<count>|-ALWAYS]-<anything>
"""


def front_page() -> str:
    """The page."""
    return _HEAD + "\n".join(_row(word) for word in WORDS) + "\n"


def _row(word: Word) -> str:
    times = "always" if word.times is None else "once"
    return f"  {word.prefix + '-*':<16}{word.where:<20}{times:<8}{word.meaning}"
