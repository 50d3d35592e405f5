"""Weights of neural networks: cards, downloads, verification. No network is run here.

Typical use::

    store = WeightStore.open(folder)
    match store.resolve_model("inswapper_128"):
        case Weight() as weight:
            session = get_session(weight.path, weight.sha256)
        case Unavailable() as why:
            ...  # say why.reason and why.remedy, do without
"""

from models.store.cards import (
    Archive,
    Card,
    Carrier,
    Contract,
    FileCard,
    Licence,
    Manifest,
    ManifestError,
    Origin,
    Source,
)
from models.store.download import DownloadError, NotFound, Patience
from models.store.onnx_file import OnnxFile, OnnxProblem, Tensor, read_onnx, read_tensor
from models.store.package_index import PackageIndex
from models.store.weights import (
    CardStatus,
    FileStatus,
    LicenceRefused,
    State,
    Unavailable,
    Weight,
    WeightStore,
)

__all__ = [
    "Archive",
    "Card",
    "CardStatus",
    "Carrier",
    "Contract",
    "DownloadError",
    "FileCard",
    "FileStatus",
    "Licence",
    "LicenceRefused",
    "Manifest",
    "ManifestError",
    "NotFound",
    "OnnxFile",
    "OnnxProblem",
    "Origin",
    "PackageIndex",
    "Patience",
    "Source",
    "State",
    "Tensor",
    "Unavailable",
    "Weight",
    "WeightStore",
    "read_onnx",
    "read_tensor",
]
