"""Distance of two aligned faces by an exported network: python onnx_example.py net.onnx one.png other.png"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
said = session.get_modelmeta().custom_metadata_map
spec, thresholds = json.loads(said["maskrec.input_spec"]), json.loads(said["maskrec.thresholds"])
template = spec["alignment"] if isinstance(spec["alignment"], dict) else {"height": 1, "width": 1}
canvas = (round(spec["size"] * template["width"] / template["height"]), spec["size"])  # width and height
faces = np.stack([np.asarray(Image.open(path).convert("RGB").resize(canvas)) for path in sys.argv[2:4]])
channels = (faces if spec["color"] == "rgb" else faces[..., ::-1]) / 255
images = ((channels - spec["mean"]) / spec["std"]).transpose(0, 3, 1, 2).astype(np.float32)
(rows,) = session.run(None, {"images": images})
one, other = rows / np.linalg.norm(rows, axis=1, keepdims=True)
print(f"distance {np.linalg.norm(one - other):.4f}; aligned as {spec['alignment']}")
print({name: each["value"] for name, each in thresholds.items() if each["distance"] == "l2" and each["normalize"]})
