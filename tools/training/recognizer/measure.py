"""Measures a recogniser on held-out people: one good picture of each, and degraded copies of it."""

import numpy
import torch
import torch.nn.functional as F

from recognizer import degrade
from recognizer.batches import normalised, placed
from recognizer.pictures import Pool

COPIES = 2


class Measure:
    def __init__(self, held_out: Pool, plain: torch.nn.Module, length: float):
        rng = numpy.random.default_rng(1)
        self.length = length
        self.good = normalised([placed(held_out, index, rng, False, 0)[0] for index in range(len(held_out.crops))])
        self.worse = {}
        for kind in degrade.KINDS:
            for copy in range(COPIES):
                change = kind(rng)
                made = [change(*placed(held_out, index, rng, False, 2.0), rng) for index in range(len(held_out.crops))]
                self.worse[kind.__name__, copy] = normalised(made)
        self.plain = self.described(plain, self.good)[0]

    def described(self, network, pictures):
        with torch.no_grad():
            vectors = network(pictures)
        return F.normalize(vectors), vectors.norm(dim=1) / self.length

    def of(self, network) -> dict:
        """Compares with the plain network's directions, at the cosine that 1 % of the pairs of two people's good
        pictures reach.

        `clean`: mean cosine with the plain network's vectors. `confused`: pairs of two people, both pictures degraded
        in the same way, that reach the limit. `found`: degraded pictures that reach it with the good picture of the
        same person. `length`: the correlation of a vector's length with the cosine between degraded and good. The
        values are shares of one.
        """
        good, _ = self.described(network, self.good)
        apart = torch.triu_indices(len(good), len(good), 1)
        pairs = (good @ good.T)[apart[0], apart[1]]
        limit = pairs.sort().values[-len(pairs) // 100]
        confused, found, lengths, cosines = {}, {}, [], []
        for (kind, _), pictures in self.worse.items():
            worse, length = self.described(network, pictures)
            own = (worse * good).sum(dim=1)
            confused.setdefault(kind, []).append(((worse @ worse.T)[apart[0], apart[1]] > limit).float().mean().item())
            found.setdefault(kind, []).append((own > limit).float().mean().item())
            lengths.append(length)
            cosines.append(own)
        means = lambda shares: {kind: round(float(numpy.mean(values)), 4) for kind, values in shares.items()}
        together = torch.stack([torch.cat(lengths), torch.cat(cosines)])
        return {
            "clean": round((good * self.plain).sum(dim=1).mean().item(), 4),
            "limit": round(limit.item(), 3),
            "confused": means(confused),
            "found": means(found),
            "length": round(torch.corrcoef(together)[0, 1].item(), 3),
        }
