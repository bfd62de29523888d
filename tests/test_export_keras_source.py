"""Which layers a model of Keras has: live objects, files written by hand, and keras where it is."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.keras_fakes import B, M, N, T, fake, inputs, model, outputs, write
from tests.tolerances import assert_equal

from headgate.errors import DataError, MissingExtraError, UnknownNameError
from headgate.export.keras import from_keras, to_keras
from headgate.layers import Recurrent


def test_every_layer_of_a_model_comes_by_its_name() -> None:
    found = from_keras(model())
    assert {name: layer.extra_repr().split(",")[0] for name, layer in found.items()} == {
        "first": "lstm",
        "both": "rnn",
        "encoder/rnn": "gru",
        "second": "lstm",
    }
    assert all(layer.batch_first for layer in found.values() if isinstance(layer, Recurrent))
    assert list(from_keras(model(), name="encoder/rnn")) == ["encoder/rnn"]
    with pytest.raises(UnknownNameError, match="recurrent layer 'frist'; did you mean 'first'"):
        from_keras(model(), name="frist")


@pytest.mark.parametrize("nested", ["layers", "_layer_checkpoint_dependencies"])
def test_a_file_gives_what_the_live_model_gives(tmp_path: Path, nested: str) -> None:
    whole = model()
    path = write(tmp_path / "model.keras", whole, nested=nested)
    live, x = from_keras(whole), inputs()
    for source in (path, str(path)):
        found = from_keras(source)
        assert list(found) == list(live)
        for name, layer in found.items():
            assert_equal(outputs(layer, x), outputs(live[name], x), "bits")


def test_the_hard_sigmoid_of_a_file_is_that_of_its_version(tmp_path: Path) -> None:
    rnn = fake("SimpleRNN", {"activation": "hard_sigmoid"})
    whole = fake("Sequential", {"name": "whole"}, layers=[rnn])
    x = inputs()[:, :1]
    summed = torch.from_numpy(x @ rnn.arrays[0] + rnn.arrays[2])
    for version, slope in (("2.15.0", 0.2), ("3.0.0", 1 / 6)):
        path = write(tmp_path / f"{version}.keras", whole, version=version)
        wanted = (summed * slope + 0.5).clamp(0, 1)
        assert_equal(outputs(from_keras(path)["rnn"], x), wanted, "output")


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    (tmp_path / "old.h5").write_bytes(b"\x89HDF")
    with pytest.raises(
        DataError, match=r"old\.h5: a \.keras file is wanted, .* save it as \.keras"
    ):
        from_keras(tmp_path / "old.h5")
    with pytest.raises(DataError, match=r"gone\.keras: there is no such file"):
        from_keras(tmp_path / "gone.keras")
    whole = fake("Sequential", {"name": "whole"}, layers=[fake("LSTM")])
    path = write(tmp_path / "moved.keras", whole, nested="elsewhere")
    with pytest.raises(
        DataError, match=r"moved\.keras: model\.weights\.h5 has no 'lstm/cell/vars'"
    ):
        from_keras(path)
    own = write(tmp_path / "own.keras", fake("Mine", {"name": "whole"}, layers=[]))
    with pytest.raises(DataError, match="no SimpleRNN, LSTM or GRU among"):
        from_keras(own)


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"needs h5py.*headgate\[keras\]"):
        from_keras(tmp_path / "model.keras")


def live() -> Any:
    """Import keras, by torch's backend where no other is asked for."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("keras", exc_type=ImportError)


# keras and numpy 2 do not agree on how an array is asked for
of_keras = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def shown(value: Any) -> torch.Tensor:
    """Give what keras computed."""
    return torch.tensor(np.array(live().ops.convert_to_numpy(value)))


def drawn(layer: Any) -> Any:
    """Build a live layer with weights that are drawn."""
    layer.build((None, None, M))
    layer.set_weights([torch.randn(w.shape).numpy() / 2 for w in layer.get_weights()])
    return layer


LIVE: list[tuple[str, dict[str, Any]]] = [
    ("SimpleRNN", {}),
    ("SimpleRNN", {"activation": "hard_sigmoid"}),
    ("LSTM", {}),
    ("LSTM", {"use_bias": False, "recurrent_activation": "hard_sigmoid"}),
    ("LSTM", {"activation": "selu"}),
    ("GRU", {}),
    ("GRU", {"reset_after": False}),
    ("GRU", {"use_bias": False, "activation": "relu"}),
    ("GRU", {"go_backwards": True}),
]


@of_keras
@pytest.mark.parametrize(("kind", "config"), LIVE)
@pytest.mark.parametrize("directions", [1, 2])
def test_keras_itself_gives_the_same_there_and_back(
    kind: str, config: dict[str, Any], directions: int
) -> None:
    layers = live().layers
    theirs = getattr(layers, kind)(N, return_sequences=True, **config)
    if directions == 2 and "go_backwards" in config:
        theirs = getattr(layers, kind)(N, return_sequences=True)
    theirs = drawn(layers.Bidirectional(theirs) if directions == 2 else theirs)
    (ours,) = from_keras(theirs).values()
    x = torch.randn(B, T, M)
    wanted = shown(theirs(x.numpy()))
    assert_equal(ours(x)[0].detach(), wanted, "output")
    (back,) = to_keras(ours)
    assert_equal(shown(back.build()(x.numpy())), wanted, "output")


@of_keras
def test_a_file_that_keras_wrote_is_read_without_it(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    keras = live()
    layers = keras.layers
    inside = keras.Sequential(
        [keras.Input((None, N)), layers.GRU(N, return_sequences=True, name="low")], name="inner"
    )
    given = keras.Input((None, M))
    first = layers.LSTM(N, return_sequences=True, dropout=0.1, name="first")(given)
    second = layers.LSTM(N, return_sequences=True, name="second")(first)
    both = layers.Bidirectional(layers.GRU(N, return_sequences=True), name="both")(second)
    whole = keras.Model(given, [both, inside(first)])
    path = tmp_path / "model.keras"
    whole.save(path)
    found, x = from_keras(path), torch.randn(B, T, M)
    assert set(found) == {"first", "second", "both", "inner/low"}
    for one, other in zip(found.values(), from_keras(whole).values(), strict=True):
        assert_equal(dict(one.state_dict()), dict(other.state_dict()), "bits")
    low = found["first"](x)[0]
    wanted = [shown(each) for each in whole(x.numpy())]
    assert_equal(found["both"](found["second"](low)[0])[0].detach(), wanted[0], "output")
    assert_equal(found["inner/low"](low)[0].detach(), wanted[1], "output")
