"""Which module speaks to which system."""

from collections.abc import Callable, Mapping

from gateway.backends.base import Backend
from gateway.backends.claimshop import ClaimShop
from gateway.backends.hub_property import HubProperty
from gateway.backends.oracle_ecm import OracleEcm
from gateway.config.settings import BackendSettings
from gateway.model.kinds import System

_BACKENDS: Mapping[System, Callable[[BackendSettings], Backend]] = {
    System.HUB_PROPERTY: HubProperty,
    System.CLAIMSHOP: ClaimShop,
    System.ORACLE_ECM: OracleEcm,
}


def backend_for(settings: BackendSettings) -> Backend:
    """The protocol module of the backend's system. Raises ConfigurationError: the system needs more than is there."""
    return _BACKENDS[settings.system](settings)
