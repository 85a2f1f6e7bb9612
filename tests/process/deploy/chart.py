"""Lints the chart in the folder of the first argument with the JSON values of the second, and renders it with Helm's
own library. Prints the objects as a JSON array, each validated by the schemas of the oldest and the newest Kubernetes.
"""

import json
import sys

import kubernetes_validate
import yaml
from helm_python import chart

WARNING = 2
# The oldest version that the chart supports, and the newest with a schema at hand.
VERSIONS = ["1.30", "1.37"]
# Kinds that Kubernetes does not define.
WITHOUT_SCHEMA = ["ServiceMonitor"]


def main() -> int:
    folder, values = sys.argv[1], json.loads(sys.argv[2])
    report = chart.lint(folder, values, strict=True)
    found = [message for message in report["messages"] if message["severity"] >= WARNING]
    if found or report["errors"]:
        print(report, file=sys.stderr)
        return 1
    with chart.Chart.load(folder) as loaded:
        files = loaded.render(values, name="test", namespace="tests")
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    objects = [one for text in texts for one in yaml.safe_load_all(text) if one]
    for one in objects:
        for version in VERSIONS:
            if one["kind"] not in WITHOUT_SCHEMA:
                kubernetes_validate.validate(one, version, strict=True)
    print(json.dumps(objects))
    return 0


if __name__ == "__main__":
    sys.exit(main())
