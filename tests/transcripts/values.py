# Where a value stands in an answer: paths into JSON and XML documents.
import json
import re
from xml.etree import ElementTree

MISSING = object()
STEP = r"\.([^.\[\]]+)|\[(-?\d+|\*)\]|\[(\w+)=([^\]]*)\]"


class Mismatch(Exception):
    """What came back is not what the transcript says."""


def in_json(text, path):
    """`$.a[0].b[key=text].length`, `$.a[*].b` for a list; MISSING if it is not there."""
    try:
        return step_down(json.loads(text), re.findall(STEP, path[1:]))
    except json.JSONDecodeError:
        raise Mismatch("the body is not JSON") from None


def step_down(value, steps):
    for at, (name, index, key, text) in enumerate(steps):
        try:
            if index == "*":
                return [step_down(item, steps[at + 1:]) for item in value]
            if name == "length" and not (isinstance(value, dict) and "length" in value):
                value = len(value)
            elif name:
                value = value[name]
            elif index:
                value = value[int(index)]
            else:
                value = next(item for item in value if str(item.get(key)) == text)
        except (KeyError, IndexError, TypeError, StopIteration):
            return MISSING
    return value


def local(tag):
    return tag.rpartition("}")[2]


def in_xml(text, path):
    """`/feed/entry[0]/link[rel=ack]/@href`: the text of the first element that fits, whatever its namespace; with `[*]`
    the texts of all; `.length` counts them; MISSING if there is none. `[name=text]`: an attribute or a child."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as wrong:
        raise Mismatch(f"the body is not XML: {wrong}") from None
    path, counted = re.subn(r"\.length$", "", path)
    path, _, attribute = path.partition("/@")
    whole = ElementTree.Element("document")
    whole.append(root)
    found = [whole]
    for name, index, key, wanted in re.findall(r"/([\w.:-]+)(?:\[(-?\d+|\*)\]|\[(\w+)=([^\]]*)\])?", path):
        found = [child for item in found for child in item if local(child.tag) == name]
        if key:
            found = [item for item in found if item.get(key) == wanted
                     or any(local(c.tag) == key and c.text == wanted for c in item)]
        if index and index != "*":
            found = found[int(index):][:1]
    if counted:
        return len(found)
    texts = [item.get(attribute, MISSING) if attribute else (item.text or "") for item in found]
    return texts if "[*]" in path else texts[0] if texts else MISSING
