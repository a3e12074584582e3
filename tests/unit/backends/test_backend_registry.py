import pytest

from gateway.backends.claimshop import ClaimShop
from gateway.backends.hub_property import HubProperty
from gateway.backends.oracle_ecm import OracleEcm
from gateway.backends.registry import backend_for
from gateway.model.kinds import System
from tests.samples import backend_settings


@pytest.mark.parametrize(
    ("system", "expected"),
    [(System.HUB_PROPERTY, HubProperty), (System.CLAIMSHOP, ClaimShop), (System.ORACLE_ECM, OracleEcm)],
)
def test_each_system_has_its_module(system: System, expected: type) -> None:
    assert type(backend_for(backend_settings(system, "https://upstream.example"))) is expected
