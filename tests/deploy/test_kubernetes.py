"""The kustomize folder, held against Kubernetes' own schema."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from runtime_server.settings import Settings

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
BASE = FOLDER / "base"
VERSION = "1.33"


def documents(text: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(text) if document]


def built(name: str) -> list[dict[str, Any]]:
    """What `kubectl apply -k` would send. Skips where there is no kubectl of our time."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    command = ("kubectl", "version", "--client", "-o", "json")
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    if "kustomizeVersion" not in told:
        pytest.skip("this kubectl is too old for patches: 1.24 or newer is needed")
    command = ("kubectl", "kustomize", str(FOLDER / name))
    return documents(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("file", ["deployment", "service", "autoscaler", "disruption-budget"])
def test_every_object_is_what_kubernetes_expects(file: str) -> None:
    (document,) = documents((BASE / f"{file}.yaml").read_text())
    kubernetes_validate.validate(document, VERSION, strict=True)


def test_the_kustomization_names_every_file() -> None:
    (kustomization,) = documents((BASE / "kustomization.yaml").read_text())
    files = {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files


@pytest.mark.parametrize("name", ["base", "with-models"])
def test_what_is_built_is_valid_and_runs_one_image(name: str) -> None:
    objects = built(name)
    for document in objects:
        kubernetes_validate.validate(document, VERSION, strict=True)
    (deployment,) = (one for one in objects if one["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    containers = [*pod["containers"], *pod.get("initContainers", [])]
    assert {container["image"] for container in containers} == {"samegraph:latest"}
    for container in containers:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    mounted = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]]
    assert "/tmp" in mounted  # noqa: S108
    assert ("/models" in mounted) is (name == "with-models")


def test_selectors_find_the_pods_and_the_autoscaler_the_deployment() -> None:
    deployment, service, autoscaler, budget = (
        documents((BASE / f"{file}.yaml").read_text())[0]
        for file in ("deployment", "service", "autoscaler", "disruption-budget")
    )
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["selector"] == labels
    assert budget["spec"]["selector"]["matchLabels"] == labels
    assert autoscaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert autoscaler["spec"]["minReplicas"] == deployment["spec"]["replicas"]


def test_pods_are_given_settings_that_exist_and_time_to_end() -> None:
    (kustomization,) = documents((BASE / "kustomization.yaml").read_text())
    (generated,) = kustomization["configMapGenerator"]
    given = dict(literal.split("=", 1) for literal in generated["literals"])
    settings = Settings(_env_file=None, **{name.lower(): value for name, value in given.items()})
    assert {name.lower() for name in given} <= set(Settings.model_fields)
    (deployment,) = documents((BASE / "deployment.yaml").read_text())
    grace_s = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace_s > settings.shutdown_drain_s + settings.request_timeout_ms / 1e3
