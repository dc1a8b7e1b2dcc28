"""botocore's data in the layer: less of it, and the same for every client."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore
import botocore.loaders
import botocore.session
import pytest

from tools.engines import ROOT

DATA = Path(botocore.__file__).parent / "data"
TRIM = ROOT / "layers" / "dependencies" / "trim.py"
KEPT = ("dynamodb", "s3", "sesv2")


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of some services, trimmed."""
    data = tmp_path_factory.mktemp("data")
    for name in (*KEPT, "sqs"):
        shutil.copytree(DATA / name, data / name)
    for file in DATA.glob("*.json"):
        shutil.copy(file, data)
    subprocess.run([sys.executable, TRIM, data, *KEPT], check=True)  # noqa: S603
    return data


def session(data: Path) -> Any:
    """A session that reads this data alone."""
    made = botocore.session.Session()
    loader = botocore.loaders.Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    made.register_component("data_loader", loader)
    made.set_credentials("x", "x")
    return made


def shape(model: Any, within: tuple[str, ...] = ()) -> object:
    """What a shape is sent and read by."""
    if model is None or model.name in within:
        return model and model.name
    inner = (*within, model.name)
    members = {name: shape(member, inner) for name, member in getattr(model, "members", {}).items()}
    items = [shape(getattr(model, name), inner) for name in ("member", "key", "value") if hasattr(model, name)]
    return (model.name, model.type_name, dict(model.serialization), dict(model.metadata), members, items)


@pytest.mark.parametrize(("service", "region"), [(name, "eu-central-1") for name in KEPT] + [("sesv2", "cn-north-1")])
def test_a_client_is_the_same_with_less(service: str, region: str, trimmed: Path) -> None:
    """Endpoint, signing name, and every operation's request and response."""
    ours, stock = (session(data).create_client(service, region) for data in (trimmed, DATA))
    assert ours.meta.endpoint_url == stock.meta.endpoint_url
    assert ours.meta.service_model.signing_name == stock.meta.service_model.signing_name
    names = stock.meta.service_model.operation_names
    assert ours.meta.service_model.operation_names == names
    for name in names if region == "eu-central-1" else ():
        one, other = (client.meta.service_model.operation_model(name) for client in (ours, stock))
        assert shape(one.input_shape) == shape(other.input_shape)
        assert shape(one.output_shape) == shape(other.output_shape)


def test_what_nobody_reads_is_gone(trimmed: Path) -> None:
    """Other services, other versions, examples, and words for people."""
    assert {entry.name for entry in trimmed.iterdir() if entry.is_dir()} == set(KEPT)
    assert [version.name for version in (trimmed / "dynamodb").iterdir()] == ["2012-08-10"]
    assert not list(trimmed.rglob("examples-1.json"))
    model = (trimmed / "dynamodb" / "2012-08-10" / "service-2.json").read_text()
    assert model.count('"documentation":') == model.count('"documentation":""') > 100
    assert (trimmed / "endpoints.json").stat().st_size * 20 < (DATA / "endpoints.json").stat().st_size
