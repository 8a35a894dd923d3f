// Predict reviews in JavaScript, from the files that examples/export_model.py writes.
//
//     python examples/export_model.py
//     cd examples/javascript && npm install
//     node predict.mjs ../../export_output "A superb film, not boring at all!" ...
//
// Without reviews it predicts those of expected.json, and compares the probabilities with Python's.
// The same code runs in a browser; onnxruntime-node is faster where a server can install it.

import fs from "node:fs";
import path from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import * as ort from "onnxruntime-web";

const [folder, ...reviews] = process.argv.slice(2);
const read = (name) => JSON.parse(fs.readFileSync(path.join(folder, name), "utf-8"));
const config = read("tokenizer.json");
const tokenizer = new Tokenizer(config, {});
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(fs.readFileSync(path.join(folder, "model.onnx")));
const expected = read("expected.json");

async function probabilities(texts) {
  // This tokenizer neither cuts nor pads: keep the last tokens, and pad with 0 at the end.
  const rows = texts.map((text) => tokenizer.encode(text).ids.slice(-config.truncation.max_length));
  const width = Math.max(1, ...rows.map((row) => row.length));
  const ids = new Int32Array(rows.length * width);
  rows.forEach((row, k) => ids.set(row, k * width));
  const input = new ort.Tensor("int32", ids, [rows.length, width]);
  const { data, dims } = (await session.run({ token_ids: input })).probabilities;
  return texts.map((_, k) => Array.from(data.slice(k * dims[1], (k + 1) * dims[1])));
}

if (reviews.length) {
  const proba = await probabilities(reviews);
  reviews.forEach((review, k) => {
    const best = proba[k].indexOf(Math.max(...proba[k]));
    console.log(`${expected.classes[best]} ${proba[k][best].toFixed(3)}  ${review}`);
  });
} else {
  const start = performance.now();
  const proba = await probabilities(expected.reviews);
  const seconds = (performance.now() - start) / 1000;
  const differences = proba.flatMap((row, k) =>
    row.map((p, c) => Math.abs(p - expected.probabilities[k][c])),
  );
  console.log(`${proba.length} reviews, ${Math.round(proba.length / seconds)} per second.`);
  console.log(`Largest difference to Python: ${Math.max(...differences).toExponential(1)}`);
}
