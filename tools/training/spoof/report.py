"""Reports a spoof network's accuracy on held-out people, beside its teacher. All attacks are simulated."""

import numpy

from scenes import ATTACKS, REAL

# The share of genuine pictures that each level may refuse.
LEVELS = {"LOW": 0.02, "MEDIUM": 0.05, "HIGH": 0.10}


def figures(data: dict[str, numpy.ndarray], students: dict[str, numpy.ndarray], teacher: numpy.ndarray) -> dict:
    """Takes the genuineness of each sample, 0..1, by `students` and `teacher`. The first student is the one that ships.
   """
    shipped = next(iter(students.values()))
    told = {
        "samples": {"plain genuine": int(data["plain"].sum()), "genuine": int((genuine(data) & ~data["plain"]).sum())},
        "agreement": {name: agreement(scores, teacher) for name, scores in students.items()},
        "scores": {name: of_scores(data, scores) for name, scores in {**students, "teacher": teacher}.items()},
        "levels": levels(data, shipped),
    }
    told["samples"] |= {name: int((data["label"] == label).sum()) for label, name in ATTACKS.items()}
    return told


def genuine(data: dict[str, numpy.ndarray]) -> numpy.ndarray:
    return data["label"] == REAL


def agreement(student: numpy.ndarray, teacher: numpy.ndarray) -> dict:
    return {
        "correlation": rounded(numpy.corrcoef(student, teacher)[0, 1]),
        "area under the curve against the teacher's decision": area(student, teacher > 0.5),
        "same decision at 0.5": share((student > 0.5) == (teacher > 0.5)),
        "mean absolute difference": rounded(numpy.abs(student - teacher).mean()),
    }


def of_scores(data: dict[str, numpy.ndarray], scores: numpy.ndarray) -> dict:
    made, told = genuine(data) & ~data["plain"], {}
    for label, species in ATTACKS.items():
        told[species] = measured(scores[made], scores[data["label"] == label])
    for which, rows in [("plain genuine", data["plain"]), ("genuine", made), ("attacks", ~genuine(data))]:
        told[f"{which}, quantiles 2 5 10 25 50 75 %"] = quantiles(scores[rows])
    return told


def levels(data: dict[str, numpy.ndarray], student: numpy.ndarray) -> dict:
    made, told = genuine(data) & ~data["plain"], {}
    for level, refused in LEVELS.items():
        threshold = numpy.quantile(student[made], refused).round(3)
        told[level] = {"threshold": float(threshold), "BPCER": share(student[made] < threshold)}
        told[level]["BPCER of plain pictures"] = share(student[data["plain"]] < threshold)
        for label, species in ATTACKS.items():
            told[level][f"APCER {species}"] = share(student[data["label"] == label] >= threshold)
    return told


def measured(of_faces: numpy.ndarray, of_attacks: numpy.ndarray) -> dict:
    scores = numpy.concatenate([of_faces, of_attacks])
    return {"area": area(scores, numpy.arange(len(scores)) < len(of_faces)), "EER": equal(of_faces, of_attacks)}


def area(scores: numpy.ndarray, is_genuine: numpy.ndarray) -> float:
    """Returns the probability that the genuine sample of a pair has the higher score (AUC)."""
    ranks = scores.argsort().argsort() + 1
    faces, others = is_genuine.sum(), (~is_genuine).sum()
    return rounded((ranks[is_genuine].sum() - faces * (faces + 1) / 2) / (faces * others))


def equal(of_faces: numpy.ndarray, of_attacks: numpy.ndarray) -> float:
    thresholds = numpy.unique(numpy.concatenate([of_faces, of_attacks]))
    refused = numpy.searchsorted(numpy.sort(of_faces), thresholds) / len(of_faces)
    accepted = 1 - numpy.searchsorted(numpy.sort(of_attacks), thresholds) / len(of_attacks)
    place = numpy.abs(refused - accepted).argmin()
    return rounded((refused[place] + accepted[place]) / 2)


def quantiles(scores: numpy.ndarray) -> list[float]:
    return rounded(numpy.quantile(scores, [0.02, 0.05, 0.1, 0.25, 0.5, 0.75]))


def share(which: numpy.ndarray) -> float:
    return rounded(which.mean())


def rounded(value):
    return numpy.round(value, 4).tolist()
