// A Dense model in the page: it reads an edited text as HTMLTokenizer reads text without markup, and
// adds up what words and n-grams contribute, as the tables of the classifier do. `_editable.py`
// describes the data.

async function unpackModel() {
  const { gzip, layout } = data.model, text = atob(gzip), packed = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) packed[k] = text.charCodeAt(k);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const raw = new Uint8Array(await new Response(stream).arrayBuffer());
  const kinds = { u1: Uint8Array, i4: Int32Array, f4: Float32Array }, model = { ...data.model };
  let at = 0;
  for (const [name, kind, length] of layout) {
    const size = Number(kind[1]), bytes = new Uint8Array(size * length);
    for (let plane = 0; plane < size; plane++) {
      for (let k = 0; k < length; k++) bytes[size * k + plane] = raw[at++];
    }
    model[name] = new kinds[kind](bytes.buffer);
  }
  const decode = (name) => new TextDecoder().decode(model[name]).split("\n");
  model.kindOf = new Uint8Array(0x110000);
  model.kindStart.forEach((start, k) => model.kindOf.fill(model.kind[k], start));
  const folds = decode("folds");
  model.fold = new Map(Array.from(model.folded, (code, k) => [code, folds[k]]));
  model.id = new Map(decode("words").map((word, k) => [word, model.ids[k]]));
  model.firstChild = new Int32Array(model.children.length + 1);
  const n = model.nIds = model.worth.length / model.bias.length;
  model.firstChild[0] = n;
  for (let k = 0; k < model.children.length; k++) model.firstChild[k + 1] = model.firstChild[k] + model.children[k];
  return model;
}

// The tokens of a text, as [token, start, end] with positions in its code points; `_token_kernels`
// describes the rules.
function tokensOf(model, codes) {
  const { kinds: K, kindOf } = model, tokens = [], n = codes.length;
  const code = (i) => (i < n ? codes[i] : 0), kindAt = (i) => kindOf[code(i)];
  const bang = kindOf[33];
  const isHebrew = (i) => code(i) >= 0x591 && code(i) <= 0x5ff;
  const isKeycap = (i) => code(code(i) === 0xfe0f ? i + 1 : i) === 0x20e3;
  const folded = (i) => {
    const fold = model.fold.get(codes[i]);
    return fold ?? (model.asciiOnly && codes[i] > 127 ? "" : String.fromCodePoint(codes[i]));
  };
  let i = 0;
  while (i < n) {
    let token = "", start = i, end = i, alone = false, glued = false;
    while (i < n) {
      let kind = kindAt(i), joins = token && !alone;
      if (kind === K.APOSTROPHE) kind = joins && kindAt(i + 1) === K.WORD ? K.WORD : bang;
      else if (kind === K.PUNCTUATION) kind = code(i + 1) === 0xfe0f ? K.EMOJI : bang;
      else if (kind === K.KEYCAP_BASE) {
        kind = bang;
        if (isKeycap(i + 1)) { kind = K.IDEOGRAPH; glued = false; }
      } else if (kind === K.QUOTE) {
        joins = joins && i > start && isHebrew(i - 1) && isHebrew(i + 1);
        kind = joins && kindAt(i + 1) === K.WORD ? K.WORD : bang;
      }
      const continues = kind === K.MARK || kind === K.STACKER || kind === K.KEYCAP
        || (kind === K.WORD && !alone) || (glued && (kind === K.IDEOGRAPH || kind === K.PREFIX));
      if (kind === K.SEPARATOR || kind === K.IGNORED || (continues && kind !== K.WORD && !token)) {
        i++;
        if (kind === K.SEPARATOR && token) break;
        continue;
      }
      if (token && !continues) break;
      if (!token) start = i;
      if (kind >= K.EMOJI) {
        const isFlag = kindAt(i) === K.REGIONAL;
        let due = isFlag && kindAt(i + 1) === K.REGIONAL ? 2 : 1;
        for (;;) {
          for (; due > 0; due--) token += folded(i++);
          if (isFlag) break;
          const next = code(i);
          if (next === 0xfe0f || next === 0xfe0e) i++;
          else if (kindOf[next] === K.SKIN_TONE || (next >= 0xe0020 && next <= 0xe007f)) due = 1;
          else if (next === 0x200d && (kindAt(i + 1) === K.EMOJI
            || (kindAt(i + 1) === K.PUNCTUATION && code(i + 2) === 0xfe0f))) due = 2;
          else break;
        }
      } else {
        token += folded(i++);
        alone ||= kind === K.IDEOGRAPH || kind === K.PREFIX;
        glued = kind === K.PREFIX || (kind === K.STACKER && alone);
      }
      end = i;
      if (token && (kind >= K.EMOJI || kind === K.STANDALONE || kind === K.KEYCAP)) break;
    }
    if (token) tokens.push([token, start, end]);
  }
  return tokens;
}

// What reaches the classifier: ids and places of the tokens that are kept, and all places.
function readText(model, text) {
  const K = model.kinds;
  if (model.form) {
    text = text.replace(/([\u0d23\u0d28\u0d30\u0d32\u0d33\u0d15])\u0d4d\u200d/g, (_, base) => model.chillus[base]).normalize(model.form);
  }
  const characters = Array.from(text), found = [];
  let run = 0, left = 0; // tokens of a run of marks, of the open negation scope
  for (const [token, start, end] of tokensOf(model, characters.map((c) => c.codePointAt(0)))) {
    const kind = model.kindOf[token.codePointAt(0)];
    const isMark = kind === K.APOSTROPHE || (kind >= K.PUNCTUATION && kind <= K.QUOTE) || kind >= K.EMOJI;
    if (isMark) left = 0;
    const id = (left > 0 ? model.id.get(token + model.negated) : undefined) ?? model.id.get(token) ?? 1;
    left = model.negations.includes(token) ? model.negationScope : Math.max(left - 1, 0);
    if (id < 0) continue; // a stop word
    run = isMark ? run + 1 : 0;
    if (run <= model.run) found.push({ id, start, end });
  }
  const n = found.length, width = model.width;
  const kept = n <= width ? found : [...found.slice(0, model.head), ...found.slice(n - (width - model.head))];
  return { characters, found, kept };
}

// Logits, or the margin of two classes, and the exact Shapley value of each token for each of them.
function predictText(model, text) {
  const { bias, worth, ngramWorth, firstChild, word, nIds } = model, outputs = bias.length;
  const { characters, found, kept } = readText(model, text), n = kept.length;
  const [neutral, ngramNeutral] = model.neutral, OOV = 1;
  const places = model.masksPadding ? n : model.width;
  const share = 1 / Math.max(places, 1) * (neutral ? n / (n + neutral) : 1);
  const size = Math.sqrt(Math.max(n + ngramNeutral, 1));
  const logits = Float64Array.from(bias), values = kept.map(() => new Float64Array(outputs));
  for (let c = 0; c < outputs; c++) {
    if (places > n) logits[c] += (places - n) * worth[c] * share;
    kept.forEach(({ id }, k) => {
      logits[c] += worth[id * outputs + c] * share;
      values[k][c] += (worth[id * outputs + c] - worth[OOV * outputs + c]) * share;
    });
  }
  for (let k = 0; k < n && ngramWorth; k++) {
    let node = kept[k].id;
    for (let last = k; node > OOV; ) {
      const length = last - k + 1;
      for (let c = 0; c < outputs; c++) {
        const value = ngramWorth[node * outputs + c] / size;
        logits[c] += value;
        for (let j = k; j <= last; j++) values[j][c] += value / length;
      }
      last++;
      if (length === model.longest || last === n || kept[last].id <= OOV) break;
      let low = firstChild[node], high = firstChild[node + 1];
      const stop = high, wanted = kept[last].id;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (word[middle - nIds] < wanted) low = middle + 1; else high = middle;
      }
      node = low < stop && word[low - nIds] === wanted ? low : -1;
    }
  }
  const margins = outputs === 1 ? [0, logits[0]] : Array.from(logits), top = Math.max(...margins);
  const powers = margins.map((margin) => Math.exp(margin - top));
  const sum = powers.reduce((a, b) => a + b);
  return { probabilities: powers.map((power) => power / sum), values, characters, found, kept };
}

// The heat-map of a prediction, in the form of those that the page contains.
function editedMap({ probabilities, values, characters, found, kept }) {
  const toward = probabilities.length === 2 ? 1 : probabilities.indexOf(Math.max(...probabilities));
  const sums = values.map((v) => (v.length === 1 ? v[0] : v[toward] - v.reduce((a, b) => a + b) / v.length));
  const largest = Math.max(0, ...sums.map(Math.abs)), step = largest / 100 || 1;
  const edges = [0, ...kept.flatMap(({ start, end }) => [start, end]), characters.length];
  const pieces = edges.slice(1).map((edge, k) => characters.slice(edges[k], edge).join(""));
  const isKept = new Set(kept), cut = new Set();
  let between = 0;
  for (const token of found) if (isKept.has(token)) between++; else cut.add(between);
  const unknown = kept.flatMap(({ id }, k) => (id === 1 ? [k] : []));
  return [pieces, sums.map((value) => Math.round(value / step)), toward, step, [...cut], unknown];
}
