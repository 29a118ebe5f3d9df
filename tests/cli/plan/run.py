"""Read a Workflow: check it against the schema, and print its steps as JSON in an order in which they may run.

A step is what a container gets: its command, with the parameters put in, its environment by name of the Secret's key or value,
its working directory and the files of its artifacts. Argument: the schema. Standard input: the Workflow.
"""
import json
import re
import sys

import jsonschema
import yaml

workflow = yaml.safe_load(sys.stdin)
jsonschema.validate(workflow, json.load(open(sys.argv[1])))
templates = {t["name"]: t for t in workflow["spec"]["templates"]}
tasks = {t["name"]: t for t in templates[workflow["spec"]["entrypoint"]]["dag"]["tasks"]}
for name in tasks:
    assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", name), name
done, steps = [], []


def filled(text, parameters):
    return re.sub(r"{{inputs\.parameters\.(\w+)}}", lambda m: parameters[m.group(1)], text)


def visit(name):
    if name in done:
        return
    task = tasks[name]
    for need in task.get("dependencies", []):
        visit(need)
    done.append(name)
    template = templates[task["template"]]
    parameters = {p["name"]: p["value"] for p in task["arguments"]["parameters"]}
    assert set(parameters) == {p["name"] for p in template["inputs"]["parameters"]}
    container = template["container"]
    steps.append({
        "name": name,
        "needs": task.get("dependencies", []),
        "directory": container["workingDir"],
        "image": container["image"],
        "command": [filled(word, parameters) for word in container["command"] + container["args"]],
        "env": {e["name"]: e.get("value", "") for e in container["env"] if "value" in e},
        "secret": {e["name"]: e["valueFrom"]["secretKeyRef"] for e in container["env"] if "valueFrom" in e},
        "files": {a["path"]: a["raw"]["data"] for a in template["inputs"]["artifacts"]},
        "outputs": [filled(a["path"], parameters) for a in template["outputs"]["artifacts"]],
    })


for each in tasks:
    visit(each)
json.dump({"steps": steps, "volumes": workflow["spec"].get("volumes", []), "hostNetwork": workflow["spec"].get("hostNetwork", False)}, sys.stdout)
