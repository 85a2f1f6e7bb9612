"""Templates of the pool's faces by the plain network and two published recognisers."""

from pathlib import Path

import cv2
import numpy
import torch
import torch.nn.functional as F

from faces import session
from recognizer.batches import normalised
from recognizer.network import Network
from recognizer.pictures import FIVE, INPUT, MARGIN, Pool, five, similarity

# Positions of the five points, side, and the conversion of a picture (BGR, 0..255) to the input:
# models/accurate/pack.toml.
RETAIL_FIVE = 128 * numpy.array(
    [(0.31556875, 0.46157411), (0.68262292, 0.46157411), (0.5002625, 0.64050536), (0.34947188, 0.82469196), (0.65343645, 0.82469196)]
)
PUBLISHED = {
    "intel0095/*fp32.onnx": (RETAIL_FIVE, 128, lambda bgr: bgr),
    "foamliu/MobileFaceNet.onnx": (FIVE, 112, lambda bgr: (bgr[..., ::-1] - (123.675, 116.28, 103.53)) / (58.395, 57.12, 57.375)),
}


def plain(network: Network, pool: Pool) -> tuple[torch.Tensor, float]:
    """Returns unit templates [N, 192], the mean of the plain and the mirrored picture; and the mean length of a vector.
   """
    vectors = []
    with torch.no_grad():
        for start in range(0, len(pool.crops), 64):
            crops = pool.crops[start : start + 64, MARGIN : MARGIN + INPUT, MARGIN : MARGIN + INPUT]
            vectors.append(torch.stack([network(normalised(list(crops))), network(normalised(list(crops[:, :, ::-1])))]))
    vectors = torch.cat(vectors, dim=1)
    return F.normalize(F.normalize(vectors, dim=2).mean(dim=0)), vectors.norm(dim=2).mean().item()


def published(folder: Path, pool: Pool) -> list[torch.Tensor]:
    """Returns the unit templates of each other recogniser."""
    templates = []
    for pattern, (places, side, prepared) in PUBLISHED.items():
        [path] = folder.glob(pattern)
        network = session(path, threads=2)
        name, made = network.get_inputs()[0].name, []
        for crop, points in zip(pool.crops, pool.points):
            aligned = cv2.warpAffine(crop, similarity(five(points), places), (side, side), flags=cv2.INTER_LINEAR)
            both = [prepared(view.astype(numpy.float32)).transpose(2, 0, 1)[None].astype(numpy.float32) for view in (aligned, aligned[:, ::-1])]
            one, other = (network.run(None, {name: view})[0].ravel() for view in both)
            made.append(one / numpy.linalg.norm(one) + other / numpy.linalg.norm(other))
        templates.append(F.normalize(torch.from_numpy(numpy.stack(made).astype(numpy.float32))))
    return templates


class Relations:
    """The target cosine of two faces of the pool: the plain network's, moved towards the mean of the other teachers'.

    Each teacher's cosines are first scaled to the mean and the standard deviation of the plain network's over pairs of
    different people.
    """

    def __init__(self, own: torch.Tensor, others: list[torch.Tensor], people: int, share: float):
        self.share = share
        spread = lambda templates: (templates[:people] @ templates[:people].T)[~torch.eye(people, dtype=bool)]
        cosines = spread(own)
        self.own, self.mean, self.deviation = own, cosines.mean(), cosines.std()
        self.others = [(templates, spread(templates).mean(), spread(templates).std()) for templates in others]

    def of(self, chosen: torch.Tensor) -> torch.Tensor:
        """Returns the targets [N, N] for the faces `chosen`."""
        cosines = lambda templates: templates[chosen] @ templates[chosen].T
        own = cosines(self.own)
        if not self.others:
            return own
        thought = [self.mean + (cosines(templates) - mean) / deviation * self.deviation for templates, mean, deviation in self.others]
        return (1 - self.share) * own + self.share * sum(thought) / len(thought)
