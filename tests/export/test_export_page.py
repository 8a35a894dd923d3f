"""The code of docs/export.md runs."""

import re
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "export.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_python_blocks_run_and_keras_exports_equal_models(tmp_path, monkeypatch, capsys):
    pytest.importorskip("onnxruntime")
    import tensorflow as tf

    monkeypatch.chdir(tmp_path)
    *blocks, litert = BLOCKS
    names = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow's exporters and its interpreter warn
        exec("\n".join(blocks), names)
        assert capsys.readouterr().out.startswith("[0, 1]\n")
        if tuple(map(int, keras.__version__.split(".")[:2])) < (3, 13):
            return
        exec(litert, names)
        interpreter = tf.lite.Interpreter("model.tflite")
        ids = names["ids"]
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], ids.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], ids)
        interpreter.invoke()
        logits = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    model = names["words_only"]
    np.testing.assert_allclose(logits, model.tables_.logits(ids), rtol=0, atol=1e-5)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]+)\)", TEXT))
def test_links_lead_to_files(target):
    assert (PAGE.parent / target).is_file()
