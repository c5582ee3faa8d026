"""The pretrained weights that a policy begins with: whether they are here, or can be fetched. No torch.

LeRobot 0.6.1 loads them as it builds the policy, when the session has begun: a ResNet of torchvision
(policies/*/modeling_*.py, `pretrained_backbone_weights`), and models and tokenizers of the Hub.
"""

from __future__ import annotations

import os
import re
import urllib.request
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from urllib.error import URLError

import orjson

from services.checkpoints import hub
from services.datasets.cameras import camera_keys
from services.datasets.summary import summarize
from services.error_text import whole_reason
from services.live.requests import TrainRequest
from services.refusal import Option, Refusal
from services.training import policies
from sessions.files import read_file

RESNET = "pretrained_backbone_weights"
"""The key of the policies that begin with a ResNet of torchvision; only a policy that sees builds it."""
HUB_KEYS = {"pi0_fast": "text_tokenizer_name", "smolvla": "vlm_model_name", "xvla": "tokenizer_name"}
"""Keys with the repository, or the folder, that a type of policy always loads something of."""
NOTHING = ("", "null", "~", "none")
PATIENCE_S = 5.0
"""Seconds that a server has to answer."""


@dataclass(frozen=True)
class _Policy:
    """The policy that is asked for: its type, and what `settings` and a pretrained one's own configuration say."""

    type: str
    settings: dict[str, str]
    config: dict[str, object]

    def value(self, key: str) -> str:
        """A key of its configuration; empty for none."""
        text = self.settings.get(f"policy.{key}")
        if text is None:
            text = str(self.config[key] or "") if key in self.config else policies.default(self.type, key)
        text = text.strip().strip("'\"")
        return "" if text.lower() in NOTHING else text


def check_weights(request: TrainRequest) -> None:
    """Raises Refusal if weights are neither here nor can be fetched. It may ask the network: not on an event loop."""
    asked, known = request.policy, policies.known()
    config: dict[str, object] = {}
    if asked not in known:
        folder = _fetched(asked) if hub.is_id(asked) and not Path(asked).is_absolute() else Path(asked)
        if folder is None:  # it can be fetched, and what it needs is known then
            return
        config = _config(folder)
    settings = dict(text.split("=", 1) for text in request.settings)
    policy = _Policy(str(config.get("type", asked)), settings, config)
    if policy.type not in known:
        return
    if key := HUB_KEYS.get(policy.type):
        _check_hub(policy, key)
    if weights := policy.value(RESNET):
        _check_resnet(policy.type, weights, request)


def _config(folder: Path) -> dict[str, object]:
    """A policy's configuration; empty if it cannot be read, which the trainer says."""
    try:
        found = orjson.loads(read_file(folder / "config.json"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


# -- the Hub -----------------------------------------------------------------------------------------


def _fetched(repo_id: str) -> Path | None:
    """The policy in the client's cache; None if it will be fetched."""
    found = hub.cached(repo_id)
    if found is None and (why := hub.why_absent(repo_id, PATIENCE_S)):
        raise Refusal(
            f"policy {repo_id} is not in the cache of the Hugging Face Hub, and cannot be fetched ({why}): start once "
            "with a network, or give the path of a local copy", "policy",
        )  # fmt: skip
    return found


def _check_hub(policy: _Policy, key: str) -> None:
    repo_id = policy.value(key)
    if not hub.is_id(repo_id) or Path(repo_id).exists() or hub.cached(repo_id) is not None:
        return
    if why := hub.why_absent(repo_id, PATIENCE_S):
        begin = f"{policy.type} begins with {repo_id} of the Hugging Face Hub, which is not in its cache and cannot be "
        raise Refusal(
            (f"{begin}fetched ({why}): start once with a network, or name the folder of a local copy (",
             Option("settings", f"policy.{key}=FOLDER"), ")"), "policy",
        )  # fmt: skip


# -- torchvision -------------------------------------------------------------------------------------


def _check_resnet(policy: str, weights: str, request: TrainRequest) -> None:
    url = _url(weights)
    folder = torch_cache()
    file = url.rpartition("/")[2]
    if not url or (folder / file).exists() or not _sees(request) or not (why := _unreachable(url)):
        return
    raise Refusal(
        (f"{policy} begins with the weights {weights} of torchvision, which are not on this machine and cannot be "
         f"fetched ({why}): train from scratch (", Option("settings", f"policy.{RESNET}=null"),
         f"), start once with a network, or copy {file} into {folder}"), "policy",
    )  # fmt: skip


def torch_cache() -> Path:
    """Where torch keeps what it downloads (torch/hub.py, `get_dir`)."""
    home = os.environ.get("TORCH_HOME") or str(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def _url(weights: str) -> str:
    """Where torchvision has `ResNet18_Weights.IMAGENET1K_V1` from; empty if it knows no such weights."""
    kind, _, name = weights.partition(".")
    spec = util.find_spec("torchvision")
    folders = spec.submodule_search_locations if spec is not None else None
    text = "".join(Path(folder, "models", "resnet.py").read_text("utf-8") for folder in folders or ())
    own = re.search(rf"^class {re.escape(kind)}\(WeightsEnum\):\n((?:    .*\n|\n)*)", text, re.MULTILINE)
    if own is None:
        return ""
    if alias := re.search(rf"^    {re.escape(name)} = (\w+)$", own[1], re.MULTILINE):
        name = alias[1]
    found = re.search(rf'^    {re.escape(name)} = Weights\(\s*url="([^"]+)"', own[1], re.MULTILINE)
    return found[1] if found else ""


def _sees(request: TrainRequest) -> bool:
    """Whether pictures are left to learn from."""
    features = summarize(Path(request.dataset_root), request.dataset).features
    return not set(camera_keys(features)).issubset(request.exclude_cameras)


def _unreachable(url: str) -> str:
    """Why nothing can be fetched from there; empty if it can."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S):
            return ""
    except URLError as error:
        return whole_reason(error.reason) if isinstance(error.reason, Exception) else str(error.reason)
    except (OSError, ValueError) as error:
        return whole_reason(error)
