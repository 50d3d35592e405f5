"""Which engine a site swaps with, from what is there and what its operator said."""

import pytest

from models.store import Manifest, WeightStore
from models.store.weights import Unavailable
from swaps import choice, services
from swaps.engines.neural_loader import NeuralOffers
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
        monkeypatch.setattr(choice, "weight_store", lambda: WeightStore.open(tmp_path))
        monkeypatch.setattr(
            "swaps.engines.neural_loader.find_offers",
            lambda store, wanted=None: missing or NeuralOffers((128,)),
        )

    return pretend


MISSING = Unavailable("inswapper_128", "inswapper_128.onnx is not here.", "Run models pull.")


@pytest.mark.parametrize(
    ("setting", "missing", "name"),
    [
        ("auto", None, "neural"),
        ("auto", MISSING, "classic"),
        ("classic", None, "classic"),
        ("neural", None, "neural"),
    ],
)
def test_the_engine_follows_the_setting_and_what_is_there(
    settings, weights, setting, missing, name
):
    settings.ENGINE = setting
    weights(missing)
    chosen = choice.engine_choice()
    assert chosen.name == name
    assert not chosen.missing


def test_an_engine_that_was_asked_for_and_is_not_there_says_so_and_is_not_replaced(
    settings, weights
):
    settings.ENGINE = "neural"
    weights(MISSING)
    assert "is not here" in choice.engine_choice().missing
    assert services.engine_label() == "Neural engine"
    with pytest.raises(RecipeError) as caught:
        services.get_engine()
    assert caught.value.code == "engine_missing"


def test_a_damaged_swapper_leaves_the_classic_engine_and_the_page_says_so(
    settings, tmp_path, monkeypatch
):
    store = store_of(tmp_path)
    monkeypatch.setattr(choice, "weight_store", lambda: store)
    settings.ENGINE = "auto"
    assert choice.engine_choice().name == "neural"
    choice.engine_choice.cache_clear()
    store.path("inswapper_128", "inswapper_128.onnx").write_bytes(b"damaged")
    assert choice.engine_choice().name == "classic"
    assert services.engine_label() == "Classic. The neural engine is not available at the moment."


def test_without_weights_a_fresh_site_uses_the_classic_engine(settings, tmp_path):
    settings.ENGINE = "auto"
    settings.WEIGHTS_DIR = tmp_path
    assert choice.engine_choice().name == "classic"


@pytest.mark.parametrize("card", ["no_such_card", "gfpgan_1.4"])
def test_a_swapper_that_is_none_does_not_stop_the_site(settings, tmp_path, card):
    settings.ENGINE = "neural"
    settings.WEIGHTS_DIR = tmp_path
    settings.NEURAL_SWAPPER = card
    assert choice.engine_choice().missing


def test_weights_described_wrongly_by_the_operator_do_not_stop_the_site(settings, tmp_path):
    settings.ENGINE = "auto"
    settings.WEIGHTS_DIR = tmp_path
    (tmp_path / "local.toml").write_text("this is = not toml = at all")
    assert choice.engine_choice().name == "classic"


def test_every_card_that_may_be_chosen_is_in_the_manifest(settings):
    assert settings.NEURAL_SWAPPER in Manifest.read().cards
