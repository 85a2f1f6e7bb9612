"""How a network against spoofs does on held-out people, beside its teacher. All attacks are simulated."""

import numpy

SPECIES = {0: "print", 2: "screen"}
REAL = 1
# Of genuine pictures, the share that each level may refuse.
LEVELS = {"LOW": 0.02, "MEDIUM": 0.05, "HIGH": 0.1}


def figures(data: dict[str, numpy.ndarray], student: numpy.ndarray) -> dict:
    teacher, labels = data["teacher"][:, REAL], data["labels"]
    told = {
        "samples": len(labels),
        "agreement": {
            "correlation": correlation(student, teacher),
            "same decision at 0.5": share((student > 0.5) == (teacher > 0.5)),
            "area under the curve against the teacher's decision": area(student, teacher > 0.5),
        },
        "levels": {},
    }
    for name, scores in [("student", student), ("teacher", teacher)]:
        genuine = scores[labels == REAL]
        told[name] = {"genuine, quantiles 5 25 50 %": rounded(numpy.quantile(genuine, [0.05, 0.25, 0.5]))}
        for number, species in SPECIES.items():
            told[name][species] = measured(genuine, scores[labels == number])
        for chips, kind in [(True, "UTKFace"), (False, "LFW")]:
            of_kind = data["chips"] == chips
            told[name][kind] = measured(scores[of_kind & (labels == REAL)], scores[of_kind & (labels != REAL)])
    for level, refused in LEVELS.items():
        threshold = numpy.quantile(student[labels == REAL], refused)
        worst = max(share(student[labels == number] >= threshold) for number in SPECIES)
        told["levels"][level] = {"threshold": rounded(threshold), "BPCER": refused, "APCER of the worst": worst}
    return told


def measured(genuine: numpy.ndarray, attacks: numpy.ndarray) -> dict:
    scores = numpy.concatenate([genuine, attacks])
    is_genuine = numpy.arange(len(scores)) < len(genuine)
    return {"trials": [len(genuine), len(attacks)], "area": area(scores, is_genuine), "EER": equal(genuine, attacks)}


def area(scores: numpy.ndarray, is_genuine: numpy.ndarray) -> float:
    """That a genuine one has the higher score of a pair."""
    ranks = scores.argsort().argsort() + 1
    genuine, attacks = is_genuine.sum(), (~is_genuine).sum()
    return rounded((ranks[is_genuine].sum() - genuine * (genuine + 1) / 2) / (genuine * attacks))


def equal(genuine: numpy.ndarray, attacks: numpy.ndarray) -> float:
    thresholds = numpy.unique(numpy.concatenate([genuine, attacks]))
    refused = numpy.searchsorted(numpy.sort(genuine), thresholds) / len(genuine)
    accepted = 1 - numpy.searchsorted(numpy.sort(attacks), thresholds) / len(attacks)
    place = numpy.abs(refused - accepted).argmin()
    return rounded((refused[place] + accepted[place]) / 2)


def correlation(one: numpy.ndarray, other: numpy.ndarray) -> float:
    return rounded(numpy.corrcoef(one, other)[0, 1])


def share(which: numpy.ndarray) -> float:
    return rounded(which.mean())


def rounded(value):
    return numpy.round(value, 4).tolist()
