"""Which engine a site swaps with, from what is there and what its operator said."""

import pytest

from faceweb.work import engines
from models.store import Manifest, WeightStore
from models.store.weights import Unavailable
from swaps import choice, services
from swaps.checks import engine_is_known
from swaps.engines.base import SwapOffer
from swaps.recipe import RecipeError
from tests.swaps.engines.test_neural_loader import store_of


@pytest.fixture(autouse=True)
def looked_up_afresh():
    choice.engine_choice.cache_clear()
    services._loaded_engine.cache_clear()
    yield
    choice.engine_choice.cache_clear()
    services._loaded_engine.cache_clear()


@pytest.fixture
def weights(monkeypatch, tmp_path):
    """Pretends that the neural engine's weights are all here, or that one is missing."""

    def pretend(missing: Unavailable | None) -> None:
        monkeypatch.setattr(engines, "weight_store", lambda: WeightStore.open(tmp_path))
        offer = SwapOffer(missing=missing.reason if missing else "", is_meant=True)
        monkeypatch.setattr("swaps.engines.neural.find_offer", lambda store, wanted=None: offer)

    return pretend


MISSING = Unavailable("inswapper_128", "inswapper_128.onnx is not here.", "Run models pull.")


@pytest.mark.parametrize(
    ("setting", "missing", "name"),
    [
        ("auto", None, "neural"),
        ("auto", MISSING, "classic"),
        ("builtin", None, "classic"),
        ("neural", None, "neural"),
    ],
)
def test_the_engine_follows_the_setting_and_what_is_there(
    settings, weights, setting, missing, name
):
    settings.ENGINE = setting
    weights(missing)
    chosen = choice.engine_choice()
    assert chosen.spec.name == name
    assert not chosen.offer.missing


def test_an_engine_that_was_asked_for_and_is_not_there_says_so_and_is_not_replaced(
    settings, weights
):
    settings.ENGINE = "neural"
    weights(MISSING)
    assert "is not here" in choice.engine_choice().offer.missing
    assert services.engine_label() == "Neural engine"
    with pytest.raises(RecipeError) as caught:
        services.get_engine()
    assert caught.value.code == "engine_missing"


def test_a_damaged_swapper_leaves_the_classic_engine_and_the_page_says_so(
    settings, tmp_path, monkeypatch
):
    store = store_of(tmp_path)
    monkeypatch.setattr(engines, "weight_store", lambda: store)
    settings.ENGINE = "auto"
    assert choice.engine_choice().spec.name == "neural"
    choice.engine_choice.cache_clear()
    store.path("inswapper_128", "inswapper_128.onnx").write_bytes(b"damaged")
    assert choice.engine_choice().spec.name == "classic"
    assert services.engine_label() == "Classic. A better engine is not available at the moment."


def test_without_weights_a_fresh_site_uses_the_classic_engine(settings, tmp_path):
    settings.ENGINE = "auto"
    settings.WEIGHTS_DIR = tmp_path
    assert choice.engine_choice().spec.name == "classic"


@pytest.mark.parametrize("card", ["no_such_card", "gfpgan_1.4"])
def test_a_swapper_that_is_none_does_not_stop_the_site(settings, tmp_path, card):
    settings.ENGINE = "neural"
    settings.WEIGHTS_DIR = tmp_path
    settings.SWAPPER = card
    assert choice.engine_choice().offer.missing


def test_weights_described_wrongly_by_the_operator_do_not_stop_the_site(settings, tmp_path):
    settings.ENGINE = "auto"
    settings.WEIGHTS_DIR = tmp_path
    (tmp_path / "local.toml").write_text("this is = not toml = at all")
    assert choice.engine_choice().spec.name == "classic"


def test_every_card_that_may_be_chosen_is_in_the_manifest(settings):
    assert settings.SWAPPER in Manifest.read().cards


def test_a_setting_that_names_no_engine_stops_the_site_with_a_sentence(settings):
    settings.ENGINE = "magic"
    (problem,) = engine_is_known()
    assert problem.id == "swaps.E001"
    assert "auto, neural, builtin" in str(problem.hint)
    settings.ENGINE = "builtin"
    assert engine_is_known() == []
